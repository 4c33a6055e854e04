import json
from dataclasses import replace

import pytest
from leaks import leak
from minting import mint
from scripted import ACCEPTED, answering, error

from scanner.audit import AuditLog
from scanner.cli.main import main
from scanner.errors import Exit, LedgerError
from scanner.ledger import Added, Ledger, State
from scanner.secret import fingerprint

ONE = fingerprint(mint("a"))


@pytest.fixture
def state(tmp_path, monkeypatch):
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(directory))
    return directory


@pytest.fixture
def queue(state):
    def add(*findings):
        with Ledger.open(state) as ledger:
            return ledger.add(findings)

    return add


@pytest.fixture
def states(state):
    def read():
        with Ledger.open(state) as ledger:
            return {entry.fingerprint: entry.state for entry in ledger.entries()}

    return read


def kept(state):
    with Ledger.open(state) as ledger, ledger.reading() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM secret").scalar()


def revoke(url, *words):
    return main(["revoke", "--execute", "--yes", "--api-url", url, *words])


def test_a_doubtful_finding_is_held_until_it_is_released(queue, states, state, capsys):
    doubtful = replace(leak("a"), doubt="git.example.com stands beside it")
    assert queue(doubtful, leak("b")) == Added(queued=1, held=1)
    with answering(ACCEPTED) as server:
        assert revoke(server.url) == Exit.CLEAN
        assert server.credentials == [[mint("b").decode()]]
        main(["ledger", "list", "--state", "held"])
        assert "git.example.com stands beside it" in capsys.readouterr().out
        assert main(["ledger", "release", ONE]) == Exit.CLEAN
        assert revoke(server.url) == Exit.CLEAN
        assert server.credentials[1:] == [[mint("a").decode()]]
    assert set(states().values()) == {State.ACCEPTED}
    assert "ledger-released" in AuditLog(state).path.read_text()


def test_what_is_dropped_is_wiped_and_never_sent(queue, states, state):
    queue(leak("a"))
    assert main(["ledger", "drop", ONE]) == Exit.CLEAN
    assert (states(), kept(state)) == ({ONE: State.DROPPED}, 0)
    queue(leak("a"))
    with answering(ACCEPTED) as server:
        assert revoke(server.url) == Exit.CLEAN
        assert not server.requests
    (record,) = [json.loads(one) for one in AuditLog(state).records()]
    assert (record["event.action"], record["unleak.fingerprints"]) == ("ledger-dropped", [ONE])


def test_what_was_rejected_is_sent_again_when_a_person_says_so(queue, states):
    queue(leak("a"))
    with answering(lambda number, _sent: ACCEPTED if number else error(422, "no")) as server:
        assert revoke(server.url) == Exit.FINDINGS
        assert revoke(server.url) == Exit.CLEAN
        assert len(server.requests) == 1
        assert main(["ledger", "requeue", ONE]) == Exit.CLEAN
        assert revoke(server.url) == Exit.CLEAN
    assert states() == {ONE: State.ACCEPTED}


def test_what_was_accepted_can_be_sent_again_once_it_was_found_again_and_not_before(queue, states, state, capsys):
    queue(leak("a"))
    with answering(ACCEPTED) as server:
        revoke(server.url)
        assert main(["ledger", "requeue", ONE]) == Exit.ERROR
        assert "was wiped" in capsys.readouterr().err
        for _ in range(2):
            assert queue(leak("a")) == Added(known=1, reappeared=1)
        assert (states(), kept(state)) == ({ONE: State.ACCEPTED}, 1)
        assert main(["ledger", "requeue", ONE]) == Exit.CLEAN
        revoke(server.url)
        assert [len(sent) for sent in server.credentials] == [1, 1]
    assert kept(state) == 0


@pytest.mark.parametrize("answer", [error(500, "boom"), error(422, "no")])
def test_one_secret_of_a_batch_that_waits_can_be_dropped(queue, states, answer):
    queue(leak("a"), leak("b"), leak("c"))
    with answering(lambda number, _sent: ACCEPTED if number else answer) as server:
        revoke(server.url)
        if answer[0] == 500:
            main(["ledger", "drop", ONE])
            assert main(["ledger", "drop", ONE]) == Exit.CLEAN
            assert states()[ONE] == State.DROPPED
            assert set(states().values()) == {State.DROPPED, State.UNKNOWN}


@pytest.mark.parametrize("verb", ["release", "requeue"])
def test_a_decision_that_makes_no_sense_is_refused_and_changes_nothing(queue, states, state, verb, capsys):
    queue(leak("a"))
    assert main(["ledger", verb, ONE]) == Exit.ERROR
    assert f"is queued: there is nothing to {verb}" in capsys.readouterr().err
    assert states() == {ONE: State.QUEUED}
    assert not AuditLog(state).path.exists()


@pytest.mark.parametrize("argv", [["drop"], ["show"], ["list", ONE], ["pause", ONE], ["drop", "no such"]])
def test_a_verb_with_the_wrong_fingerprints_is_a_mistake(queue, argv):
    queue(leak("a"))
    assert main(["ledger", *argv]) == Exit.ERROR


def test_what_cannot_be_put_on_record_is_not_dropped(queue, states, state):
    queue(leak("a"))
    log = AuditLog(state)
    log.append({"event.action": "x"})
    log.path.write_bytes(log.path.read_bytes().replace(b'"x"', b'"y"'))
    assert main(["ledger", "drop", ONE]) == Exit.ERROR
    assert (states(), kept(state)) == ({ONE: State.QUEUED}, 1)


@pytest.mark.parametrize("verb", ["show", "export"])
def test_one_secret_is_shown_with_its_places_its_history_and_what_to_search_for(queue, capsys, verb):
    queue(leak("a", "/srv/repo"), leak("b"))
    with answering(error(500, "try later")) as server:
        revoke(server.url)
    assert main(["ledger", verb, ONE]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert f'hashed_token:"{ONE}"' in shown
    assert "/srv/repo" in shown
    assert "revocation-intended" in shown
    assert "server error (500): try later" in shown
    assert "unknown" in shown
    assert mint("a").decode() not in shown
    assert fingerprint(mint("b")) not in shown


def test_tokens_on_standard_input_are_queued_and_are_no_argument(unleak, state, states):
    text = b"first: " + mint("a") + b"\nagain " + mint("a") + b"\n" + mint("b", "github-oauth") + b" and ghs_none\n"
    done = unleak("ledger", "add", stdin=text)
    assert done.returncode == 0, done.stderr
    assert b"queued 2" in done.stderr
    assert states() == {ONE: State.QUEUED, fingerprint(mint("b", "github-oauth")): State.QUEUED}
    assert mint("a") not in done.stderr + done.stdout + AuditLog(state).path.read_bytes()
    assert unleak("ledger", "add", stdin=b"nothing").returncode == 2


def test_a_new_key_opens_everything_and_the_old_one_nothing(queue, state, states):
    queue(*(leak(number) for number in range(20)))
    old = (state / "ledger.key").read_bytes()
    assert main(["ledger", "rekey"]) == Exit.CLEAN
    new = (state / "ledger.key").read_bytes()
    assert new != old
    (state / "ledger.key").write_bytes(old)
    with (
        Ledger.open(state) as ledger,
        ledger.reading() as connection,
        pytest.raises(LedgerError, match="is not the key"),
    ):
        ledger.opener(connection)
    (state / "ledger.key").write_bytes(new)
    queue(leak("later"))
    with answering(ACCEPTED) as server:
        revoke(server.url)
        assert len(server.credentials[0]) == 21
    assert set(states().values()) == {State.ACCEPTED}


def test_a_crash_between_the_new_key_and_its_place_is_made_good(queue, state):
    queue(leak("a"))
    old = (state / "ledger.key").read_bytes()
    with Ledger.open(state) as ledger:
        ledger.rekey()
    (state / "ledger.key").rename(state / "ledger.key.next")
    (state / "ledger.key").touch(0o600)
    (state / "ledger.key").write_bytes(old)
    with answering(ACCEPTED) as server:
        assert revoke(server.url) == Exit.CLEAN
        assert len(server.requests) == 1
    assert not (state / "ledger.key.next").exists()
