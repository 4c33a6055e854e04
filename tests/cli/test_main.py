import os
import subprocess

import pytest
from console import UNLEAK
from minting import mint

from scanner import __version__
from scanner.cli import main as entry
from scanner.errors import UnleakError


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_the_version_is_printed(unleak, word):
    assert unleak(word).stdout.decode() == f"unleak {__version__}\n"


def test_help_lists_every_command(unleak):
    result = unleak("--help")
    assert result.returncode == 0
    for command in entry._COMMANDS:
        assert f"  {command} ".encode() in result.stdout


@pytest.mark.parametrize("command", entry._COMMANDS)
def test_every_command_has_help(unleak, command):
    result = unleak(command, "--help")
    assert (result.returncode, result.stderr) == (0, b"")
    assert f"usage: unleak {command}".encode() in result.stdout


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("scna",), b"unleak: no such command: scna\nhint: Did you mean 'unleak scan'?\n"),
        (
            ("scan", "--nope"),
            b"unleak: unrecognized arguments: --nope\nhint: 'unleak scan --help' lists the options.\n",
        ),
        (("scan", "--jobs", "0"), b"unleak: argument --jobs: want a whole number from 1 to 256, got '0'\nhint: "),
        (("scan", "--format", "xml"), b"unleak: argument --format: invalid choice: 'xml'"),
        (("patterns", "check", "no.toml"), b"unleak: no.toml: cannot be read: "),
        (("patterns", "list", "x.toml"), b"unleak: x.toml: list takes no file\nhint: unleak patterns check x.toml\n"),
        (("diff",), b"unleak: git cannot read this here: "),
    ],
)
def test_a_wrong_call_is_one_line_a_hint_and_2(unleak, argv, message):
    result = unleak(*argv)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(message)
    assert b"Traceback" not in result.stderr
    assert result.stderr.count(b"\n") == 2


@pytest.mark.parametrize(
    ("variable", "value", "want"),
    [
        ("UNLEAK_FORMAT", "xml", "want text, json, jsonl"),
        ("UNLEAK_JOBS", "many", "want a whole number from 1 to 256, got 'many'"),
        ("UNLEAK_QUIET", "maybe", "want 1 or 0"),
    ],
)
def test_a_wrong_variable_is_named(unleak, variable, value, want):
    result = unleak("scan", env={variable: value})
    assert result.returncode == 2
    assert result.stderr.decode() == f"unleak: {variable}={value}: {want}\n"


def test_a_variable_is_a_default_and_an_option_wins(unleak, tmp_path):
    (tmp_path / "a").write_bytes(mint(1))
    env = {"UNLEAK_FORMAT": "json", "UNLEAK_QUIET": "1", "UNLEAK_FAIL_ON": "never", "UNLEAK_JOBS": "1"}
    result = unleak("scan", env=env)
    assert (result.returncode, result.stdout[:1], result.stderr) == (0, b"{", b"")
    assert unleak("scan", "--format", "text", env=env).stdout.startswith("ghp_…".encode())


@pytest.mark.parametrize(
    "error", [UnleakError("it broke", "mend it"), OSError(28, "No space left", "f"), KeyError("x")]
)
@pytest.mark.parametrize("verbose", [False, True])
def test_a_trace_is_shown_when_asked_for_and_never_holds_a_secret(monkeypatch, capsys, error, verbose):
    token = mint(1).decode()

    def fail(argv):
        raise error from ValueError(token)

    monkeypatch.setattr(entry, "_run", fail)
    assert entry.main(["scan", "-v"] if verbose else ["scan"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert ("Traceback" in err) == verbose
    assert token not in err


def test_terminal_controls_in_a_message_are_made_visible(monkeypatch, capsys):
    def fail(argv):
        raise UnleakError("bad \x1b[31m name\n")

    monkeypatch.setattr(entry, "_run", fail)
    entry.main(["scan"])
    assert capsys.readouterr().err == "unleak: bad \\x1b[31m name\\n\n"


@pytest.mark.parametrize("argv", [("patterns", "list", "-q"), ("patterns", "-q", "list"), ("ledger", "list", "-q")])
def test_the_shared_options_stand_anywhere(unleak, argv):
    assert unleak(*argv).returncode == 0


@pytest.mark.parametrize(
    ("env", "shown"), [({}, False), ({"UNLEAK_VERBOSE": "1"}, True), ({"UNLEAK_VERBOSE": "0"}, False)]
)
def test_verbose_may_come_from_the_environment(unleak, env, shown):
    assert (b"Traceback" in unleak("scan", "nowhere", env=env).stderr) == shown


def shell(command, tmp_path, **env):
    (tmp_path / "clean").write_text("nothing")
    (tmp_path / "leak").write_bytes(mint(1))
    line = f"{UNLEAK} {command}"
    return subprocess.run(
        line,
        shell=True,
        cwd=tmp_path,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(("target", "code"), [("clean", 0), ("leak", 1), ("nowhere", 2)])
def test_a_stderr_that_takes_nothing_changes_no_verdict(tmp_path, stderr, target, code):
    assert shell(f"scan {target} {stderr}", tmp_path).returncode == code


@pytest.mark.parametrize("command", ["scan leak", "--version", "patterns list"])
def test_a_closed_stdout_is_2(tmp_path, command):
    result = shell(f"{command} >&-", tmp_path)
    assert result.returncode == 2
    assert result.stderr == b"unleak: standard output is closed\n"


@pytest.mark.parametrize("command", ["--help", "scan --help", "diff --help", "scan leak", "patterns list"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_only_ascii_is_no_trouble(tmp_path, command, encoding):
    result = shell(command, tmp_path, PYTHONIOENCODING=encoding)
    assert result.returncode == (command == "scan leak")
    assert b"defect" not in result.stderr


def test_an_empty_variable_is_none(unleak):
    assert unleak("scan", env={"UNLEAK_FORMAT": "", "UNLEAK_STATE_DIR": "", "UNLEAK_JOBS": ""}).returncode == 0
