"""The sandbox at work: uvicorn in a thread, on a loopback address and nowhere else."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from uvicorn import Config, Server

from scanner.errors import UnleakError, UsageError
from scanner.sandbox.api import LIMIT, Api
from scanner.sandbox.app import create_app
from scanner.sandbox.call import Script
from scanner.sandbox.connections import Connections
from scanner.sandbox.faults import script as script_of
from scanner.sandbox.received import Receipts, Received
from scanner.secret import redact

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})

_GRACE: Final = 1
"""Seconds that requests in flight have left when the sandbox ends."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that is running.

    Attributes:
        url: Its base, without a trailing slash: an ``--api-url``.
        receipts: What it receives.
    """

    url: str
    receipts: Receipts

    @property
    def received(self) -> tuple[Received, ...]:
        """What it received so far, in order."""
        return self.receipts.all()


@contextmanager
def running(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    limit: int = LIMIT,
    clock: Callable[[], float] = time.time,
    script: Script | None = None,
    faults: Iterable[str] = (),
    log: Path | None = None,
) -> Iterator[Sandbox]:
    """Serve the sandbox in a thread of its own for as long as the context lasts.

    Args:
        host: 127.0.0.1 or ::1.
        port: 0 takes a free one.
        limit: Unauthenticated requests an hour from one address.
        clock: UTC epoch seconds.
        script: Sees each call that the limit lets through, and may answer it in place of the rules.
        faults: Words of a script of faults, see ``faults.py``.
        log: A file of JSON Lines that what is received is appended to.

    Raises:
        UsageError: The host is another, or there is no such fault.
        UnleakError: The port is taken, or the log cannot be opened.
    """
    api = Api(limit=limit, clock=clock, script=script)
    wrong, connections = script_of(faults), Connections()
    with _listening(host, port) as listener, Receipts(clock, log) as receipts:
        server = Server(
            Config(
                create_app(api, receipts, wrong, connections),
                http=connections.protocol(),
                ws="none",
                loop="asyncio",
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                log_config=None,
                log_level=logging.CRITICAL,  # what it has to say of a request might quote it
                access_log=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        try:
            # The socket listens already: who connects before the server is up waits in its queue.
            yield Sandbox(_url(listener), receipts)
        finally:
            server.should_exit = True
            thread.join()


def _listening(host: str, port: int) -> socket.socket:
    if host not in _LOOPBACK:
        raise UsageError(f"{redact(host)}: the sandbox serves loopback addresses only", "use 127.0.0.1 or ::1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UnleakError(f"{host} port {port}: {error.strerror}", "--port 0 takes a free port") from None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
