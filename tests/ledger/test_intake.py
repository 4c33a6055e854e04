import json
import stat

import pytest
from leaks import leak, leak_in_file
from minting import mint

from scanner.errors import LedgerError, StateError
from scanner.finding import Check, CommitLocation, Exposure, Finding, Position
from scanner.ledger import Added, Ledger, State
from scanner.ledger.schema import VERSION
from scanner.ledger.settings import remember
from scanner.secret import Secret, fingerprint


@pytest.fixture
def ledger(tmp_path, database):
    with Ledger.open(tmp_path, database) as ledger:
        yield ledger


def test_a_leak_is_queued(ledger):
    assert ledger.add([leak("a")], now=1000.0) == Added(queued=1)
    (entry,) = ledger.entries()
    assert (entry.fingerprint, entry.pattern, entry.state) == (
        fingerprint(mint("a")),
        "github-pat-classic",
        State.QUEUED,
    )
    assert (entry.first_seen, entry.last_seen, entry.attempts, entry.source) == (1000.0, 1000.0, 0, "/r")


@pytest.mark.parametrize(
    ("finding", "why"),
    [
        (leak("a", check=Check.FAILED), "irrevocable"),
        (leak("a", check=Check.NONE), "irrevocable"),
        (leak("a", revocable=False), "irrevocable"),
        (leak("a", exposure=Exposure.LOCAL), "local"),
    ],
)
def test_what_may_not_be_sent_is_not_even_stored(ledger, finding, why):
    assert ledger.add([finding]) == Added(**{why: 1})
    assert not list(ledger.entries())


def test_what_is_local_is_queued_when_asked_for(ledger):
    assert ledger.add([leak("a", exposure=Exposure.LOCAL)], queue_local=True) == Added(queued=1)


def test_what_is_on_the_allow_list_is_not_stored(ledger):
    assert ledger.add([leak("a"), leak("b")], allow={fingerprint(mint("a"))}) == Added(queued=1, allowed=1)
    assert [entry.fingerprint for entry in ledger.entries()] == [fingerprint(mint("b"))]


@pytest.mark.parametrize("value", ["{}", "Authorization: Bearer {}", "https://x:{}@example.com/"])
def test_a_token_in_unleaks_own_environment_is_not_stored(ledger, monkeypatch, value):
    monkeypatch.setenv("SOME_VARIABLE", value.format(mint("mine").decode()))
    assert ledger.add([leak("mine")]) == Added(own=1)
    assert not list(ledger.entries())


def test_what_is_known_is_seen_again(ledger):
    ledger.add([leak("a")], now=1000.0)
    assert ledger.add([leak("a", "/other"), leak("b")], now=2000.0) == Added(queued=1, known=1)
    first, _ = ledger.entries()
    assert (first.first_seen, first.last_seen, first.reappeared, first.source) == (1000.0, 2000.0, False, "/r")


def test_findings_are_taken_from_a_stream_and_the_same_twice_is_one(ledger):
    count = 12_000
    stream = (leak(number % count) for number in range(count + 10))
    assert ledger.add(stream) == Added(queued=count, known=10)
    assert sum(1 for _ in ledger.entries()) == count
    assert sum(1 for _ in ledger.entries(State.QUEUED)) == count
    assert not list(ledger.entries(State.PARKED))


def test_files_outside_of_repositories_count_for_the_top_of_their_path(ledger, tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    ledger.add([leak_in_file(1, "/srv/dump/a/b"), leak_in_file(2, "/srv/dump/c/d"), leak_in_file(3, "-")])
    ledger.add([leak_in_file(4, "deep/down")])
    top = "/".join(str(tmp_path).split("/")[:3])
    assert [entry.source for entry in ledger.entries()] == ["/srv/dump", "/srv/dump", "-", top]


def test_no_token_is_stored_outside_of_its_seal_not_even_one_that_is_a_path(ledger, tmp_path):
    other = mint("path").decode()
    commit = CommitLocation(f"/r/{other}", "0" * 40, f"a/{other}", Position(1, 1, 0), "1" * 40, other, "2026-01-01")
    secret = Secret(mint("a"))
    finding = Finding(secret, "github-pat-classic", "n", Check.PASSED, True, Exposure.COMMITTED, 1, (commit,))
    ledger.add([finding])
    (entry,) = ledger.entries()
    assert other not in entry.source
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert other.encode() not in content
        assert secret.reveal() not in content


@pytest.mark.parametrize("database", [None])  # it looks into the file
def test_its_files_are_for_its_owner_alone(ledger, tmp_path):
    ledger.add([leak("a")])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["ledger.sqlite3", "ledger.key", "ledger.lock"], 0o600)


@pytest.mark.parametrize("database", [None])
@pytest.mark.parametrize("name", ["ledger.sqlite3", "ledger.key"])
def test_a_file_that_others_can_read_is_refused(ledger, tmp_path, name):
    ledger.add([leak("a")])
    (tmp_path / name).chmod(0o640)
    with (
        pytest.raises(StateError, match="lets others in"),
        Ledger.open(tmp_path) as again,
        again.reading() as connection,
    ):
        again.opener(connection)


def test_a_ledger_of_a_newer_program_is_refused(ledger, tmp_path):
    with ledger.writing() as connection:
        remember(connection, "schema", str(VERSION + 1))
    with pytest.raises(LedgerError, match=f"version {VERSION + 1}"):
        Ledger.open(tmp_path, ledger.url)


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    path.touch(0o600)
    path.write_bytes(b"this is no database at all, but long enough to be looked at" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(tmp_path)


def test_a_change_that_fails_is_no_change(ledger):
    def change():
        with ledger.writing() as connection:
            remember(connection, "x", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    ledger.pause()
    with ledger.reading() as connection:
        assert ledger.is_paused(connection)
        names = connection.exec_driver_sql("SELECT name FROM setting").scalars().all()
    assert "x" not in names


@pytest.mark.parametrize("database", [None])  # it looks into the file
def test_its_database_keeps_no_log_and_wipes_what_it_deletes(ledger):
    with ledger.reading() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "secure_delete", "synchronous", "foreign_keys")
        ]
    assert found == ["delete", 1, 3, 1]


def test_locations_are_stored_as_json(ledger):
    ledger.add([leak("a")])
    with ledger.reading() as connection:
        (text,) = connection.exec_driver_sql("SELECT locations FROM finding").scalars()
    assert json.loads(text)[0]["repository"] == "/r"
