import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

UNLEAK = [sys.executable, "-W", "error", "-c", "from scanner.cli.main import run; run()"]


@contextmanager
def command(*options):
    with subprocess.Popen(
        [*UNLEAK, "sandbox", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Here:
    def __init__(self, url):
        self.url = url


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_first_and_serves_until_it_is_told_to_end(asking, tmp_path, end):
    log = tmp_path / "log"
    with command("--port", "0", "--log", str(log), "--limit", "2") as process:
        url = process.stdout.readline().strip()
        ask = asking(Here(url))
        assert [ask.submit("x", "y").status for _ in range(3)] == [202, 202, 403]
        assert len(log.read_bytes().splitlines()) == 3
        process.send_signal(end)
        stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert stdout == ""
    assert "nothing leaves this machine" in stderr
    assert stderr.endswith("3 requests, 6 credentials received.\n")
    assert [json.loads(line)["status"] for line in log.read_text().splitlines()] == [202, 202, 403]


def test_faults_are_played_as_they_are_named_and_then_as_the_file_says(asking, tmp_path):
    (tmp_path / "faults").write_text("429\nok\n404*2\n")
    with command("--fault", "500", "--faults-file", str(tmp_path / "faults")) as process:
        ask = asking(Here(process.stdout.readline().strip()))
        assert [ask.submit("x").status for _ in range(6)] == [500, 429, 202, 404, 404, 202]


def test_quiet_leaves_stderr_empty():
    with command("--quiet") as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()
        assert process.communicate(timeout=20) == ("", "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "loopback addresses only\nhint: use 127.0.0.1 or ::1\n"),
        (["--port", "65536"], "--port: '65536' is not a number from 0 to 65535"),
        (["--port", "http"], "--port: 'http' is not a number"),
        (["--limit", "-1"], "--limit: '-1' is not a number"),
        (["--fault", "501"], "501: no such fault\nhint: There are ok, empty, null,"),
        (["--log", "/nowhere/log"], "/nowhere/log: the log cannot be written: No such file or directory"),
    ],
)
def test_a_wrong_option_is_told_in_words_and_nothing_is_served(options, says):
    with command(*options) as process:
        stdout, stderr = process.communicate(timeout=20)
    assert says in stderr
    assert stdout == ""
    assert process.returncode == 2
    assert "Traceback" not in stderr


def test_declaring_the_options_loads_neither_starlette_nor_uvicorn():
    script = """if True:
        import argparse, sys
        from scanner.cli import sandbox
        sandbox.configure(argparse.ArgumentParser())
        print([name for name in ("starlette", "uvicorn", "msgspec") if name in sys.modules])
    """
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
