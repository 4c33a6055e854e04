from email.utils import parsedate_to_datetime

import pytest

from scanner.sandbox import Answer, running

HEADERS = ["limit", "remaining", "used", "reset", "resource"]


def standing(answer):
    return {name: answer.headers[f"x-ratelimit-{name}"] for name in HEADERS}


def test_sixty_requests_an_hour_are_answered_and_the_next_is_forbidden(clock, asking):
    with running(clock=clock) as sandbox:
        ask = asking(sandbox)
        statuses = [ask.submit("x").status for _ in range(61)]
        assert statuses == [202] * 60 + [403]
        last = ask.submit("x")
    assert last.json["message"].startswith("API rate limit exceeded for 127.0.0.1")
    assert standing(last) == {
        "limit": "60",
        "remaining": "0",
        "used": "60",
        "reset": "1800003601",
        "resource": "core",
    }


def test_the_hour_begins_with_the_first_request_and_ends_for_all_at_once(clock, asking):
    with running(clock=clock, limit=2) as sandbox:
        ask = asking(sandbox)
        reset = int(ask.submit("x").headers["x-ratelimit-reset"])
        clock.now += 3000
        assert int(ask.submit("x").headers["x-ratelimit-reset"]) == reset
        clock.now = reset - 0.01
        assert ask.submit("x").status == 403
        clock.now = reset
        assert [ask.submit("x").status for _ in range(3)] == [202, 202, 403]


def test_every_answer_says_what_is_left(clock, asking):
    with running(clock=clock, limit=5) as sandbox:
        ask = asking(sandbox)
        answers = [
            ask.submit("x"),
            ask.submit(),
            ask("POST", "/credentials/revoke", b"{"),
            ask("GET", "/nowhere"),
            ask("GET", "/rate_limit"),
            ask("GET", "/nowhere", headers={}),
            ask.submit("x"),
        ]
    assert [answer.status for answer in answers] == [202, 422, 400, 404, 200, 403, 403]
    assert [int(standing(answer)["remaining"]) for answer in answers] == [4, 3, 2, 1, 1, 0, 0]
    assert [int(standing(answer)["used"]) for answer in answers] == [1, 2, 3, 4, 4, 5, 5]


def test_asking_for_the_rate_limit_is_free_even_when_nothing_is_left(clock, asking):
    with running(clock=clock, limit=1) as sandbox:
        ask = asking(sandbox)
        fresh = [ask("GET", "/rate_limit").json for _ in range(3)]
        ask.submit("x")
        spent = ask("GET", "/rate_limit")
    untouched = {"limit": 1, "used": 0, "remaining": 1, "reset": 1800003601}
    assert fresh == [{"resources": {"core": untouched}, "rate": untouched}] * 3
    assert spent.status == 200
    assert spent.json["rate"] == {"limit": 1, "used": 1, "remaining": 0, "reset": 1800003601}


def test_a_limit_of_none_refuses_the_first_request(asking):
    with running(limit=0) as sandbox:
        assert asking(sandbox).submit("x").status == 403


def test_a_known_caller_has_a_higher_limit_of_its_own(clock, asking):
    with running(clock=clock, limit=1) as sandbox:
        ask = asking(sandbox)
        ask.submit("x")
        answer = ask.enterprise("octo-corp/credential-authorizations/member/revoke")
        assert answer.status == 202
        assert (standing(answer)["limit"], standing(answer)["used"]) == ("5000", "1")
        mine = ask("GET", "/rate_limit", headers={"User-Agent": "x", "Authorization": "token sandbox-owner"})
        assert mine.json["rate"]["used"] == 1
        assert sandbox.received[-1].caller == "owner"
        assert ask.submit("x").status == 403


def test_the_rate_limit_is_not_told_to_bad_credentials(ask):
    answer = ask("GET", "/rate_limit", headers={"User-Agent": "x", "Authorization": "Bearer nobody"})
    assert (answer.status, answer.json["message"]) == (401, "Bad credentials")


def test_the_date_is_the_clocks(clock, asking):
    with running(clock=clock) as sandbox:
        answer = asking(sandbox).submit("x")
    date = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert date == int(clock.now)
    assert 3600 <= int(answer.headers["x-ratelimit-reset"]) - date <= 3601


@pytest.mark.parametrize(
    ("scripted", "status", "body"),
    [
        (Answer(202), 202, b""),
        (Answer(202, b"null"), 202, b"null"),
        (Answer(307, headers={"location": "http://127.0.0.1:9/"}), 307, b""),
        (Answer(502, b"<html>", {"content-type": "text/html", "x-ratelimit-remaining": "0"}), 502, b"<html>"),
        (Answer(429, headers={"retry-after": "60"}), 429, b""),
    ],
)
def test_a_script_answers_in_place_of_the_rules(asking, scripted, status, body):
    with running(script=lambda call: scripted) as sandbox:
        answer = asking(sandbox).submit("x")
        assert sandbox.received[0].status == status
    assert (answer.status, answer.body) == (status, body)
    assert scripted.headers.items() <= answer.headers.items()
    assert set(standing(answer)) == set(HEADERS)


def test_a_script_sees_the_call_and_may_leave_it_to_the_rules(asking):
    seen = []
    with running(script=seen.append, limit=1) as sandbox:
        ask = asking(sandbox)
        assert [ask.submit("x").status for _ in range(2)] == [202, 403]
    (call,) = seen  # the limit comes first
    assert (call.method, call.path, call.json) == ("POST", "/credentials/revoke", {"credentials": ["x"]})
    assert call.headers["user-agent"] == "unleak-tests"
    assert repr(call) == "Call(method='POST', path='/credentials/revoke', client='127.0.0.1')"
