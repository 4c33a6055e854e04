import pytest
from leaks import leak
from scripted import answering

from scanner.audit import AuditLog
from scanner.cli.main import main
from scanner.errors import Exit
from scanner.ledger import Ledger
from scanner.sandbox import running


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "state").mkdir(mode=0o700)
    return tmp_path / "state"


@pytest.fixture
def doctor(capsys):
    def run(*words):
        code = main(["doctor", *words])
        return code, capsys.readouterr().out

    return run


def test_where_all_is_well_it_says_so_and_submits_nothing(state, doctor):
    with Ledger.open(state) as ledger:
        ledger.add([leak("a")])
    with running(limit=7) as sandbox:
        code, told = doctor("--api-url", sandbox.url)
        assert [(one.method, one.path) for one in sandbox.received] == [("GET", "/rate_limit")]
    assert code == Exit.CLEAN
    assert "WRONG" not in told
    assert "its private key fits" in told
    assert "7 requests are left" in told


def test_without_a_network_it_looks_at_the_rest(state, doctor):
    code, told = doctor("--offline")
    assert (code, "answer" in told) == (Exit.CLEAN, False)
    assert "its keys are made on first use" in told


def test_a_server_that_is_not_there_is_told(state, doctor):
    with answering((200, {}, b"{}")) as server:
        url = server.url
    code, told = doctor("--api-url", url)
    assert code == Exit.FINDINGS
    assert "gives no answer" in told


def test_a_clock_that_is_off_is_told(state, doctor):
    with running(clock=lambda: 1_600_000_000.0) as sandbox:
        code, told = doctor("--api-url", sandbox.url)
    assert code == Exit.FINDINGS
    assert "clock is +" in told


def test_everything_is_looked_at_even_when_something_is_wrong(state, doctor):
    with Ledger.open(state) as ledger:
        ledger.add([leak("a")])
    (state / "ledger.key").unlink()
    log = AuditLog(state)
    log.append({"event.action": "x"})
    log.path.write_bytes(log.path.read_bytes().replace(b'"x"', b'"y"'))
    code, told = doctor("--offline")
    assert code == Exit.FINDINGS
    assert [line.split()[1] for line in told.splitlines() if line.startswith("WRONG")] == ["ledger", "audit"]
    state.chmod(0o755)
    code, told = doctor("--offline")
    assert "lets others in" in told


def test_a_pause_is_told(state, doctor):
    main(["ledger", "pause"])
    assert "PAUSED" in doctor("--offline")[1]
