"""A local stand-in for GitHub's API: the revocation endpoints by their published contract, on a loopback address.

It needs the ``sandbox`` extra (Starlette and uvicorn), so nothing else in unleak imports it until it is asked for.

    with running() as sandbox:
        ...  # submit to sandbox.url, then read sandbox.received
"""

from scanner.errors import UnleakError

try:
    from scanner.sandbox.app import create_app
    from scanner.sandbox.server import Sandbox, running
except ModuleNotFoundError as missing:
    package = (missing.name or "").partition(".")[0]
    if package not in {"starlette", "uvicorn"}:
        raise
    raise UnleakError(f"the sandbox needs {package}", "pip install 'unleak[sandbox]'") from None

from scanner.sandbox.api import Api
from scanner.sandbox.call import Answer, Call, Script
from scanner.sandbox.faults import FAULTS
from scanner.sandbox.received import Receipts, Received

__all__ = ["FAULTS", "Answer", "Api", "Call", "Receipts", "Received", "Sandbox", "Script", "create_app", "running"]
