import pytest
from minting import mint

from scanner.finding import (
    Check,
    CommitLocation,
    Exposure,
    FileLocation,
    Finding,
    GitLocation,
    Position,
    Problem,
    Tally,
)
from scanner.output import json, jsonl, summary, text
from scanner.output.record import finding_record, summary_record
from scanner.secret import Secret

AT = Position(7, 3, 99)
TOKEN = mint("elsewhere").decode()
TAIL = TOKEN[-4:]


def finding(*locations, total=None, exposure=Exposure.COMMITTED):
    return Finding(
        Secret(mint(1)), "github-pat-classic", "GitHub personal access token (classic)", Check.PASSED, True, exposure,
        total or len(locations), locations,
    )  # fmt: skip


EVERYWHERE = finding(
    CommitLocation(
        f"/r/{TOKEN}", "c" * 40, f"src/{TOKEN}.py", AT, "b" * 40, f"{TOKEN} <a@b>", "2024-01-02T03:04:05+01:00"
    ),
    GitLocation("/r", "config", Exposure.LOCAL, AT, path=f"{TOKEN}/config"),
    GitLocation("/r", "commit-message", Exposure.COMMITTED, AT, object="d" * 40),
    FileLocation(f"\x1b[31m{TOKEN}\n", AT, Exposure.LOCAL),
    total=1234,
)
SUMMARY = summary_record(
    Tally(failed=[Problem(TOKEN, TOKEN)], declined=[Problem(f"a/{TOKEN}", TOKEN)]),
    findings=1,
    seconds=0.5,
    strict=False,
)


@pytest.mark.parametrize("form", [text, json, jsonl])
def test_no_format_holds_a_secret_wherever_it_stands(form):
    written = b"".join(form.write([finding_record(EVERYWHERE)], SUMMARY))
    assert TOKEN.encode() not in written
    assert mint(1) not in written


def test_text_names_every_place_in_words():
    assert b"".join(text.write([finding_record(EVERYWHERE)], SUMMARY)).decode() == (
        f"ghp_…{mint(1)[-4:].decode()}  GitHub personal access token (classic), check passed, committed\n"
        f"  src/ghp_…{TAIL}.py:7:3  in commit cccccccccccc of 2024-01-02 by ghp_…{TAIL} <a@b>  (/r/ghp_…{TAIL})\n"
        f"  ghp_…{TAIL}/config:7:3  in config  (/r)\n"
        f"  in commit-message dddddddddddd  (/r)\n"
        f"  \\x1b[31mghp_…{TAIL}\\n:7:3  (local)\n"
        f"  … and 1,230 more\n"
        f"  fingerprint {Secret(mint(1)).fingerprint}\n"
        "\n"
    )


def test_the_summary_says_what_was_read_and_names_what_was_not():
    declined = [Problem(str(number), "x") for number in range(12)]
    tally = Tally(3, 1000, 5_600_000, [Problem("a\nb", "Permission denied")], declined, 2)
    assert list(summary.lines(tally, findings=2, local=1, seconds=1.26)) == [
        "failed: a\\nb: Permission denied",
        *(f"declined: {n}: x" for n in range(10)),
        "declined: … and 2 more; --format json names them all",
        (
            "read 3 files and 1,000 git objects (5.6 MB) in 1.3 s; found 2 secrets, 1 of them local; "
            "2 look-alikes with a failed check; 1 failed; 12 declined"
        ),
    ]
    (line,) = summary.lines(Tally(1, 0, 1), findings=0, local=0, seconds=0)
    assert line == "read 1 file (1 bytes) in 0.0 s; found nothing"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (123_456, "123 kB"), (5.1e9, "5.1 GB")],
)
def test_sizes_are_decimal(count, shown):
    assert summary.size(count) == shown


@pytest.mark.parametrize(
    ("tally", "strict", "complete"),
    [
        (Tally(), False, True),
        (Tally(failed=[Problem("a", "b")]), False, False),
        (Tally(declined=[Problem("a", "b")]), False, True),
        (Tally(declined=[Problem("a", "b")]), True, False),
    ],
)
def test_a_summary_is_complete_when_nothing_failed(tally, strict, complete):
    assert summary_record(tally, findings=0, seconds=0, strict=strict)["complete"] is complete


@pytest.mark.parametrize("form", [text, json, jsonl])
def test_a_reason_or_a_name_that_is_not_utf8_is_written_and_breaks_nothing(form):
    lossy = "caf\udce9"
    tally = Tally(failed=[Problem(lossy, lossy)], declined=[Problem(lossy, lossy)])
    record = summary_record(tally, findings=0, seconds=0, strict=False)
    places = finding(
        CommitLocation(lossy, "c" * 40, lossy, AT, "b" * 40, lossy, "2024-01-02"),
        GitLocation(lossy, lossy, Exposure.LOCAL, AT, path=lossy),
        FileLocation(lossy, AT),
    )
    written = b"".join(form.write([finding_record(places)], record))
    assert "caf\N{REPLACEMENT CHARACTER}".encode() in written
    assert "caf\N{REPLACEMENT CHARACTER}" in "".join(summary.lines(tally, findings=0, local=0, seconds=0))
