import os
import pty
import subprocess
import sys

SCRIPT = """
import time
from scanner.finding import Tally
from scanner.output.progress import Progress, wanted
assert wanted(quiet=False) and not wanted(quiet=True)
with Progress(color="never") as progress:
    progress.advanced(Tally(1, 2, 3_000_000), 4)
    time.sleep(1.1)
    progress.advanced(Tally(10, 20, 30_000_000), 5)
    time.sleep(0.3)
    progress.locating("/r")
"""


def on_terminal(script):
    """What a script writes to a terminal."""
    terminal, end = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", script], stdin=end, stdout=end, stderr=end, env=env) as process:
        os.close(end)
        written = b""
        try:
            while piece := os.read(terminal, 65536):
                written += piece
        except OSError:
            pass  # Linux's way to say that the other end has been closed
    os.close(terminal)
    assert process.returncode == 0, written
    return written.decode()


def test_progress_is_shown_after_a_second_with_bytes_objects_findings_and_rate():
    written = on_terminal(SCRIPT)
    assert "30.0 MB, 10 files, 20 objects, 5 secrets, " in written
    assert "MB/s" in written
    assert "working out where it came from" in written
    assert "3.0 MB, 1 files" not in written


def test_colour_is_left_out_when_asked():
    assert "\x1b[32m" not in on_terminal(SCRIPT)
    assert "\x1b[32m" in on_terminal(SCRIPT.replace("never", "auto"))


def test_what_is_done_in_a_second_shows_no_progress():
    assert on_terminal(SCRIPT.replace("time.sleep(1.1)", "")) == ""


def test_elsewhere_it_is_silent():
    done = subprocess.run(
        [sys.executable, "-c", "from scanner.output.progress import wanted; print(wanted(quiet=False))"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"False\n"
