"""One secret of the ledger with all that is known of it: for a terminal, and as a ticket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from scanner.audit import AuditLog
from scanner.ledger.entries import Entry, Seen
from scanner.output.summary import plural
from scanner.output.text import printable

_NEXT_STEPS: Final = """\
## What to do

1. Find what uses it, and give that a new credential.
2. Search GitHub's audit log for what was done with it: `{search}`
3. Take it out of where it stands. That it is gone from the newest version is not enough: history keeps it.
"""


def text(seen: Seen, log: AuditLog) -> bytes:
    """The entry for people."""
    lines = [f"{name:12}{value}" for name, value in _facts(seen.entry)]
    lines += [f"{'seen':12}{place}" for place in _places(seen)]
    lines += [f"{'history':12}{event}" for event in _history(seen.entry, log)]
    return "".join(f"{printable(line)}\n" for line in lines).encode()


def markdown(seen: Seen, log: AuditLog) -> bytes:
    """The entry as a ticket."""
    entry = seen.entry
    lines = [f"# Leaked GitHub credential {_code(entry.redacted)}", ""]
    lines += [f"- {name}: {_code(value)}" for name, value in _facts(entry)]
    lines += ["", "## Where it was seen", "", *(f"- {_code(place)}" for place in _places(seen))]
    lines += ["", "## What was done", "", *(f"- {_code(event)}" for event in _history(entry, log)), ""]
    steps = _NEXT_STEPS.format(search=_search(entry))
    return ("".join(f"{printable(line)}\n" for line in lines) + steps).encode()


def date(seconds: float) -> str:
    """A time in UTC, ISO 8601."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "fingerprint", entry.fingerprint
    yield "search", _search(entry)
    yield "pattern", entry.pattern
    yield "secret", entry.redacted
    yield "state", entry.state + (f": {entry.reason}" if entry.reason else "")
    yield (
        "sent",
        f"{entry.attempts:,} {plural('time', entry.attempts)}"
        + (f", in batch {entry.batch}" if entry.batch is not None else ""),
    )
    yield "first seen", f"{date(entry.first_seen)} in {entry.source}"
    total = entry.locations_total
    yield "last seen", f"{date(entry.last_seen)}, in {total:,} {plural('place', total)}"
    if entry.reappeared:
        yield "reappeared", "found again after it was settled: 'unleak ledger requeue' sends it again"


def _search(entry: Entry) -> str:
    return f'hashed_token:"{entry.fingerprint}"'


def _places(seen: Seen) -> Iterator[str]:
    for place in seen.places:
        at = place["at"]
        where = place.get("path") or place.get("where") or ""
        facts = [f"{where}:{at['line']}:{at['column']}"]
        facts += [f"in commit {place['commit']} by {place['author']} on {place['date']}"] if "commit" in place else []
        facts += [f"in object {place['object']}"] if place.get("object") else []
        facts += [f"of {place['repository']}"] if "repository" in place else []
        yield " ".join(facts)
    if more := seen.entry.locations_total - len(seen.places):
        yield f"… and {more:,} more"


def _history(entry: Entry, log: AuditLog) -> Iterator[str]:
    """What the audit log of this host says: of the secret by its fingerprint, and of the batches that it was in."""
    batches: set[Any] = set()
    mark = entry.fingerprint.encode()
    for record in log.records():
        named = mark in record
        if not named and not batches:
            continue
        fields: dict[str, Any] = msgspec.json.decode(record, type=dict)
        batch = fields.get("unleak.batch")
        if named and batch is not None:
            batches.add(batch)
        if named or batch in batches:
            facts = [str(fields[name]) for name in ("event.reason", "unleak.state") if name in fields]
            facts += [f"batch {batch}"] if batch is not None else []
            told = f": {', '.join(facts)}" if facts else ""
            yield f"{fields['@timestamp']} {fields['event.action']} by {fields.get('user.name', '?')}{told}"


def _code(words: str) -> str:
    return f"`{words.replace('`', chr(39))}`"
