import subprocess
import sys
from pathlib import Path

from scanner.secret import fingerprint

EXAMPLE = Path(__file__).parents[2] / "examples" / "submit_to_sandbox.py"


def test_the_example_submits_two_credentials_and_shows_their_fingerprints():
    said = subprocess.run([sys.executable, "-W", "error", EXAMPLE], capture_output=True, text=True, check=True)
    assert said.stderr == ""
    assert said.stdout.splitlines() == [
        "202 Accepted with 59 requests left this hour",
        f"received {fingerprint(b'not a token')}",
        f"received {fingerprint(b'nor is this')}",
    ]
