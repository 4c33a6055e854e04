import pytest
from hypothesis import given
from hypothesis import strategies as st
from minting import mint
from scripted import ACCEPTED, DROP, answering, error

from scanner.http import Reply, anonymous
from scanner.ledger import State
from scanner.revoke.batch import ATTEMPTS, LIMITS, fate
from scanner.revoke.client import Client, Meaning, understand
from scanner.secret import Secret

DATE = "Fri, 15 Jan 2027 08:00:00 GMT"
AT = 1_800_000_000

ANSWERS = [
    (ACCEPTED, Meaning.ACCEPTED),
    ((202, {}, b"null"), Meaning.ACCEPTED),
    ((202, {}, b"{}"), Meaning.ACCEPTED),
    (error(422, "Validation Failed", ["credentials[3] is not a token"]), Meaning.REFUSED),
    (error(422, "Validation Failed", [{"resource": "x", "field": "credentials", "code": "invalid"}]), Meaning.REFUSED),
    ((422, {}, b"<html>not JSON"), Meaning.REFUSED),
    ((422, {}, b"[" * 50_000), Meaning.REFUSED),
    (error(422, "Validation failed, or the endpoint has been spammed."), Meaning.SPAM),
    (error(403, "This endpoint does not accept authenticated requests"), Meaning.AUTHENTICATED),
    (
        error(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"),
        Meaning.BAD_AGENT,
    ),
    (
        error(
            403,
            "API rate limit exceeded. Authenticated requests get a higher limit",
            headers={"x-ratelimit-remaining": "0"},
        ),
        Meaning.PRIMARY_LIMIT,
    ),
    (error(429, "too many", headers={"x-ratelimit-remaining": "0"}), Meaning.PRIMARY_LIMIT),
    (
        error(403, "You have exceeded a secondary rate limit", headers={"x-ratelimit-remaining": "9"}),
        Meaning.SECONDARY_LIMIT,
    ),
    (error(403, "slow down", headers={"retry-after": "60"}), Meaning.SECONDARY_LIMIT),
    (error(429, "too many"), Meaning.SECONDARY_LIMIT),
    (error(403, "no"), Meaning.FORBIDDEN),
    (error(401, "Requires authentication"), Meaning.UNEXPECTED),
    ((200, {}, b"{}"), Meaning.UNEXPECTED),
    ((204, {}, b""), Meaning.UNEXPECTED),
    ((307, {"location": "http://127.0.0.1:1/"}, b""), Meaning.REDIRECTED),
    (error(400, "Problems parsing JSON"), Meaning.MALFORMED),
    (error(404, "Not Found"), Meaning.NOT_FOUND),
    (error(500, "boom"), Meaning.SERVER_ERROR),
    ((503, {}, b""), Meaning.SERVER_ERROR),
    (DROP, Meaning.BROKEN_OFF),
]


@pytest.mark.parametrize(("answer", "meaning"), ANSWERS)
def test_every_answer_has_one_meaning(answer, meaning):
    with answering(answer) as server:
        assert Client(anonymous(server.url)).submit([Secret(mint(1))]).meaning is meaning
        assert server.requests[0][0] == "/credentials/revoke"
        assert server.credentials == [[mint(1).decode()]]


def test_where_nobody_listens_it_is_unreachable():
    with answering(ACCEPTED) as server:
        url = server.url
    assert Client(anonymous(url)).submit([Secret(mint(1))]).meaning is Meaning.UNREACHABLE


def test_what_a_server_echoes_is_redacted_and_shortened():
    token = mint("echo")
    with answering(error(422, f"bad: {token.decode()} \x1b[2J", [token.decode()] * 1000)) as server:
        answer = Client(anonymous(server.url)).submit([Secret(token)])
    assert token.decode() not in repr(answer) + str(answer)
    assert "\x1b" not in answer.message
    assert len(answer.message) <= 201


def test_limits_are_measured_by_the_servers_own_clock():
    limits = understand(
        Reply(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(AT + 90), "date": DATE, "retry-after": "7"})
    ).limits
    assert (limits.remaining, limits.reset, limits.retry_after) == (0, 90.0, 7.0)


def test_a_retry_after_may_be_a_date():
    later = "Fri, 15 Jan 2027 08:01:40 GMT"
    assert understand(Reply(503, {"retry-after": later, "date": DATE})).limits.retry_after == 100.0


@given(
    st.dictionaries(st.sampled_from(["x-ratelimit-remaining", "x-ratelimit-reset", "date", "retry-after"]), st.text())
)
def test_headers_of_nonsense_are_no_trouble(headers):
    limits = understand(Reply(403, headers)).limits
    assert limits.remaining is None or limits.remaining >= 0


@given(st.binary(max_size=200), st.integers(100, 599))
def test_bodies_of_nonsense_are_no_trouble_and_nothing_but_202_is_accepted(body, status):
    answer = understand(Reply(status, {}, body))
    assert (answer.meaning is Meaning.ACCEPTED) == (status == 202)
    assert answer.message.isprintable()


@given(st.sampled_from(Meaning), st.integers(1, 1000), st.integers(0, ATTEMPTS - 1))
def test_what_becomes_of_a_batch_never_loses_it_and_never_loops(meaning, size, unanswered):
    becomes = fate(meaning, size=size, unanswered=unanswered, now=1000.0)
    assert (becomes.state is State.ACCEPTED) == (meaning is Meaning.ACCEPTED)
    assert not (becomes.halved and size == 1)
    match becomes.state:
        case State.QUEUED:
            # It is smaller, or something has to change first: the limit, or the call.
            assert becomes.halved or becomes.faulty or meaning in LIMITS
        case State.UNKNOWN:
            assert becomes.unanswered > unanswered or becomes.faulty or meaning in LIMITS
            assert becomes.unanswered < ATTEMPTS
        case state:
            assert state in {State.ACCEPTED, State.REJECTED, State.PARKED}


def test_the_backoff_doubles_up_to_the_fifth_attempt():
    waits = [fate(Meaning.SERVER_ERROR, size=2, unanswered=count, now=0.0) for count in range(ATTEMPTS)]
    assert [one.not_before for one in waits] == [60.0, 120.0, 240.0, 480.0, 0.0]
    assert waits[-1].state is State.PARKED
