import fcntl
import hashlib
import json
import multiprocessing
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minting import mint

from scanner.audit import RECOVERED, AuditLog, Head
from scanner.errors import AuditError, StateError


def event(number):
    return {"event.action": f"act-{number}", "unleak.fingerprints": [f"{number}" * 10]}


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path)


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    log = AuditLog(tmp_path_factory.mktemp("five"))
    head = log.append(*map(event, range(5)))
    return log.path.read_bytes(), head.hash


def broken(tmp_path_factory, content, expect):
    """Whether a log of this content fails to verify."""
    log = AuditLog(tmp_path_factory.mktemp("broken"))
    log.path.touch(0o600)
    log.path.write_bytes(content)
    try:
        log.verify(expect)
    except AuditError:
        return True
    return False


def test_a_record_says_who_did_what_and_when(log):
    log.append({"event.action": "act", "unleak.batch": 7})
    (record,) = map(json.loads, log.records())
    assert record["event.action"] == "act"
    assert record["unleak.batch"] == 7
    assert record["event.sequence"] == 1
    assert {"@timestamp", "ecs.version", "user.name", "host.name", "process.pid", "service.version"} <= record.keys()


def test_a_log_that_nobody_touched_verifies_up_to_the_head_that_was_returned(log):
    log.append(event(0))
    head = log.append(event(1), event(2))
    assert log.verify().head == log.verify(head.hash).head == log.head() == head == Head(3, head.hash)


def test_a_log_that_does_not_exist_is_an_empty_chain(log):
    assert log.head() == log.verify().head == Head()
    assert not log.path.exists()


def test_only_its_owner_can_read_it(log):
    log.append(event(0))
    assert log.path.stat().st_mode & 0o777 == 0o600


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_changed_but_a_line_end_makes_it_fail(five, tmp_path_factory, data):
    content, head = five
    place = data.draw(st.sampled_from([i for i, byte in enumerate(content) if byte != 10]))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != content[place]))
    changed = content[:place] + bytes([byte]) + content[place + 1 :]
    assert broken(tmp_path_factory, changed, head)


def test_each_bit_of_the_last_record_counts(five, tmp_path_factory):
    content, _ = five
    start = content.rindex(b"\n", 0, -1) + 1
    for place in range(start, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        assert broken(tmp_path_factory, bytes(changed), None), place


@pytest.mark.parametrize("number", range(5))
def test_any_record_removed_makes_it_fail(five, tmp_path_factory, number):
    content, head = five
    lines = content.splitlines(keepends=True)
    del lines[number]
    assert broken(tmp_path_factory, b"".join(lines), head)


@pytest.mark.parametrize("number", range(5))
def test_any_record_added_again_makes_it_fail(five, tmp_path_factory, number):
    content, head = five
    lines = content.splitlines(keepends=True)
    assert broken(tmp_path_factory, content + lines[number], head)


def test_records_in_another_order_make_it_fail(five, tmp_path_factory):
    content, head = five
    lines = content.splitlines(keepends=True)
    assert broken(tmp_path_factory, b"".join([lines[0], lines[2], lines[1], *lines[3:]]), head)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [lines[0], lines[1].replace(b"act-1", b"act-X"), *lines[2:]], "line 2: record 2 was changed"),
        (lambda lines: [lines[0], *lines[2:]], "line 2: record 2 was removed: record 3 stands there"),
        (lambda lines: lines[1:], "line 1: record 1 was removed"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 2: record 2 was removed: record 3"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "line 4: record 4 was followed by one that was added or"),
        (lambda lines: [*lines[:3], b"{}\n", *lines[3:]], "line 4: record 4 was changed"),
    ],
)
def test_the_first_record_that_is_wrong_is_named(log, change, message):
    log.append(*map(event, range(5)))
    log.path.write_bytes(b"".join(change(log.path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(AuditError, match=message):
        log.verify()


def test_a_record_that_was_changed_together_with_its_hash_does_not_lead_to_the_next(log, tmp_path):
    log.append(*map(event, range(3)))
    first, second, third = log.path.read_bytes().splitlines(keepends=True)
    body = second[: second.index(b',"unleak.hash"')].replace(b"act-1", b"act-X")
    forged = b'%b,"unleak.hash":"%b"}\n' % (body, hashlib.sha256(body).hexdigest().encode())
    log.path.write_bytes(first + forged + third)
    with pytest.raises(AuditError, match="line 3: record 3 does not follow the one before it"):
        log.verify()


def test_a_chain_made_anew_from_some_record_on_does_not_have_the_expected_head(log, tmp_path):
    log.append(event(0))
    kept = log.path.read_bytes()
    head = log.append(event(1))
    log.path.write_bytes(kept)
    log.append(event(2))
    log.verify()
    with pytest.raises(AuditError, match="expected head"):
        log.verify(head.hash)


def test_a_head_that_was_kept_stays_good_when_the_log_grows(log):
    head = log.append(event(0))
    log.append(event(1))
    assert log.verify(head.hash).head.sequence == 2


@pytest.mark.parametrize("content", [None, b""])
def test_a_log_that_is_gone_does_not_have_the_expected_head(log, content):
    head = log.append(event(0))
    log.path.unlink()
    if content is not None:
        log.path.touch(0o600)
    with pytest.raises(AuditError, match="expected head"):
        log.verify(head.hash)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1, exclude_min=True, exclude_max=True), min_size=1, max_size=3))
def test_a_line_torn_by_a_crash_is_kept_and_followed_by_a_record_of_it(tmp_path_factory, cuts):
    log = AuditLog(tmp_path_factory.mktemp("torn"))
    head = log.append(event(0))
    torn = []
    for cut in cuts:
        before = log.path.read_bytes()
        log.append(event(1))
        written = log.path.read_bytes()[len(before) :]
        torn.append(written[: max(1, int(len(written) * cut))])
        log.path.write_bytes(before + torn[-1])
        log.verify(head.hash)
    log.append(event(2))
    content = log.path.read_bytes()
    assert all(piece in content for piece in torn)
    first, *between, last = [json.loads(record)["event.action"] for record in log.records()]
    assert (first, set(between), last) == ("act-0", {RECOVERED}, "act-2")
    assert not log.verify(head.hash).torn


def test_an_unfinished_line_at_the_end_is_told_and_is_no_record(log):
    head = log.append(event(0))
    log.path.write_bytes(log.path.read_bytes() + b'{"@timestamp"')
    assert log.head() == head
    verified = log.verify()
    assert (verified.head, verified.torn) == (head, True)


def test_a_torn_line_that_no_record_of_its_recovery_follows_makes_it_fail(log):
    log.append(event(0))
    log.path.write_bytes(log.path.read_bytes() + b"{ #torn\n")
    with pytest.raises(AuditError, match="line 2: a torn line"):
        log.verify()
    log.append(event(1))
    log.verify()


def test_a_file_that_is_something_else_altogether_is_no_log(log):
    log.path.touch(0o600)
    log.path.write_bytes(b"x" * 3_000_000)
    with pytest.raises(AuditError, match="this is no audit log"):
        log.verify()


def test_a_log_that_cannot_be_written_is_an_error(log):
    log.path.mkdir(0o700)
    with pytest.raises(StateError, match="cannot be"):
        log.append(event(0))


def test_a_changed_byte_in_what_was_torn_makes_it_fail(log):
    log.append(event(0))
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'{"@timestamp"')
    head = log.append(event(1))
    content = log.path.read_bytes()
    for place in range(len(whole), len(whole) + 13):
        changed = bytearray(content)
        changed[place] ^= 1
        log.path.write_bytes(changed)
        with pytest.raises(AuditError):
            log.verify(head.hash)


def test_nothing_is_appended_to_a_damaged_record(log):
    log.append(event(0), event(1))
    log.path.write_bytes(log.path.read_bytes().replace(b"act-1", b"act-X"))
    before = log.path.read_bytes()
    with pytest.raises(AuditError, match="last record is damaged"):
        log.append(event(2))
    assert log.path.read_bytes() == before


def test_a_record_longer_than_a_block_is_found_from_the_end(log):
    log.append(event(0), {"event.action": "long", "unleak.fingerprints": ["x" * 43 + "="] * 5000})
    assert log.append(event(1)).sequence == 3
    log.verify()


def _append(directory, count):
    log = AuditLog(directory)
    for number in range(count):
        log.append(event(number))


def test_two_processes_append_to_one_chain(log, tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append, args=(tmp_path, 25)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert log.verify().head.sequence == 50
    pids = {json.loads(record)["process.pid"] for record in log.records()}
    assert pids == {process.pid for process in processes}


def test_a_token_that_got_into_a_text_is_redacted(log):
    token = mint("in a message").decode()
    log.append({"event.action": "act", "event.reason": f"echo {token}"})
    assert token.encode() not in log.path.read_bytes()


@pytest.mark.parametrize("read", [AuditLog.verify, lambda log: list(log.records())])
def test_half_an_append_is_never_seen(log, read):
    log.append(event(0))
    whole = log.path.read_bytes()
    reader = threading.Thread(target=lambda: seen.append(read(log)))
    seen = []
    with log.path.open("ab") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        log.path.write_bytes(whole + b'{"half":')
        reader.start()
        reader.join(0.3)
        assert not seen
        log.path.write_bytes(whole)
    reader.join(30)
    assert seen


def test_who_reads_slowly_keeps_nobody_from_appending(log):
    log.append(event(0), event(1))
    records = log.records()
    next(records)
    log.append(event(2))
    assert len(list(records)) == 1


def test_a_log_that_others_can_read_is_refused(log):
    log.append(event(0))
    log.path.chmod(0o644)
    for act in (log.verify, log.head, lambda: log.append(event(1))):
        with pytest.raises(StateError, match="lets others in"):
            act()
