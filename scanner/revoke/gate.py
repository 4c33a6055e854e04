"""The last look at a secret before it leaves: nothing whose check fails, and no token of unleak's own."""

import re
from collections.abc import Callable
from functools import cache

import patterns
from scanner.ledger.batches import Item
from scanner.ledger.environment import in_own_environment
from scanner.revoke.policy import Policy


def gate(policy: Policy) -> Callable[[Item], str | None]:
    """A test of whether an item must not be sent, and why; None lets it pass."""
    allowed = frozenset(policy.allow)
    own = in_own_environment()

    def closed(item: Item) -> str | None:
        if item.fingerprint in allowed:
            return "it is on the allow-list"
        if policy.patterns and item.pattern not in policy.patterns:
            return "the policy leaves this kind of token out"
        if not item.secret.reveal():
            return "its secret is missing: the ledger may be damaged"
        if own(item.secret):
            return "it stands in unleak's own environment"
        return None if _passes(item) else "its check digits do not fit: the ledger may be damaged"

    return closed


def _passes(item: Item) -> bool:
    pattern = _revocable().get(item.pattern)
    value = item.secret.reveal()
    if pattern is None or pattern.checksum is None or item.secret.fingerprint != item.fingerprint:
        return False
    return re.fullmatch(pattern.regex.encode(), value) is not None and pattern.checksum.passes(value)


@cache
def _revocable() -> dict[str, patterns.Pattern]:
    return {pattern.id: pattern for pattern in patterns.builtin() if pattern.revocable}
