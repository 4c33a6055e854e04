"""The README is run: its commands, its transcript, its table of exit codes.

    python tests/test_readme.py

writes the transcript of the demo into it anew.
"""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from minting import mint
from repo import Repo

from scanner.cli.main import _COMMANDS
from scanner.errors import Exit
from scanner.sandbox import running

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
UNLEAK = Path(sys.executable).with_name("unleak")
TRANSCRIPT = re.compile(r"(?<=<!-- demo -->\n)```console\n(.*?)```\n(?=<!-- /demo -->)", re.DOTALL)

# Whatever differs from one run to the next.
VARYING = [
    (r"/tmp/unleak-demo-\w+|/\S*/unleak-demo-\w+", "/tmp/unleak-demo"),
    (r"…[0-9A-Za-z]{4}", "…x7Qd"),
    (r"[0-9A-Za-z+/]{43}=", "w0Yc1L7n…="),
    (r"\b[0-9a-f]{64}\b", "5f1c…"),
    (r"\b[0-9a-f]{16}\b", "0123456789abcdef"),
    (r"\b[0-9a-f]{12}\b", "0a1b2c3d4e5f"),
    (r"\d{4}-\d\d-\d\d", "2026-11-21"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:8786"),
    (r"in \d+\.\d s", "in 0.2 s"),
    (r"read \d+ files and (\d+) git objects \([^)]*\)", r"read 23 files and \1 git objects (26.0 kB)"),
]


def demo():
    """The demo's output with what varies made the same."""
    done = subprocess.run([UNLEAK, "demo"], capture_output=True, check=True, text=True, timeout=60)
    assert done.stderr == ""
    output = done.stdout
    for pattern, constant in VARYING:
        output = re.sub(pattern, constant, output)
    return output.lstrip("\n")


def test_the_transcript_is_what_the_demo_prints():
    assert TRANSCRIPT.search(README)[1] == demo()


def shell_lines():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line.split("  #")[0].rstrip() for block in blocks for line in block.splitlines()]


# Each command line of the README, and what it ends with where there is a secret in everything that it reads.
EXPECTED = {
    "unleak scan": Exit.FINDINGS,
    "unleak scan ~/src/project": Exit.FINDINGS,
    "unleak scan --format jsonl -o report.jsonl": Exit.FINDINGS,
    "unleak diff --staged": Exit.FINDINGS,
    "unleak hook install": Exit.CLEAN,
    "unleak hook install pre-push": Exit.CLEAN,
    "unleak hook uninstall": Exit.CLEAN,
    "unleak diff --unstaged": Exit.FINDINGS,
    "unleak diff main...topic": Exit.FINDINGS,
    "unleak scan --queue ~/mirrors": Exit.FINDINGS,
    "unleak revoke": Exit.CLEAN,
    "unleak revoke --execute": Exit.CLEAN,
    "unleak ledger list": Exit.CLEAN,
    "unleak audit verify": Exit.CLEAN,
    "unleak enterprise revoke-user octo-corp octocat": Exit.CLEAN,
    "unleak enterprise revoke-all octo-corp": Exit.CLEAN,
}


def test_every_command_line_does_what_it_says(tmp_path, monkeypatch):
    lines = [line for line in shell_lines() if line.startswith("unleak ")]
    assert lines == list(EXPECTED)
    home = Path(os.environ["HOME"])
    for name in ("src/project", "mirrors/one"):
        Repo(home / name).commit(leak=mint(name))
    repo = Repo(tmp_path / "r")
    repo.commit(edited="clean")
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit(topic=mint("topic"))
    repo.write("edited", mint("unstaged"))
    repo.write("leak", mint("staged"))
    repo.git("add", "leak")
    with running() as sandbox:
        env = {**os.environ, "UNLEAK_API_URL": sandbox.url, "PATH": f"{UNLEAK.parent}{os.pathsep}{os.environ['PATH']}"}
        for line, code in EXPECTED.items():
            # On a terminal, as the README's reader: --execute asks, and is answered.
            terminal, end = pty.openpty()
            os.write(terminal, b"yes\n")
            done = subprocess.run(
                line, shell=True, cwd=repo.path, env=env, stdin=end, stdout=end, stderr=end, check=False
            )
            os.close(end)
            os.close(terminal)
            assert done.returncode == code, line
        assert [one.credentials for one in sandbox.received if one.status == 202] == [1]
    assert (repo.path / "report.jsonl").read_text().count("\n") == 4


def test_every_command_that_the_readme_names_exists():
    named = set(re.findall(r"`unleak ([a-z]+)", README)) | set(
        re.findall(r"^\$? ?unleak ([a-z]+)", README, re.MULTILINE)
    )
    assert named - _COMMANDS.keys() == set()
    assert len(named) >= 5


def test_the_exit_codes_are_the_programs():
    table = {int(row) for row in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert table == {int(code) for code in Exit}


def test_the_two_commands_are_one_line_each():
    lines = [line for line in shell_lines() if "pip install" in line]
    assert lines == [
        "python3 -m venv .venv && .venv/bin/pip install -q '.[sandbox]' && .venv/bin/unleak demo",
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest",
    ]


if __name__ == "__main__":
    block = f"<!-- demo -->\n```console\n{demo()}```\n<!-- /demo -->"
    readme = re.sub(r"<!-- demo -->.*<!-- /demo -->", lambda _: block, README, flags=re.DOTALL)
    (ROOT / "README.md").write_text(readme, "utf-8")
