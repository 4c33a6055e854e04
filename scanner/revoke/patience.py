"""When what is fresh goes, and when it waits for company, in a dispatcher that stays.

With more than ten requests left this hour, a fresh leak goes at once. With ten or fewer, a batch that is not full
waits until it is, but no longer than ten minutes from when its first secret was found: so that a trickle of leaks
cannot spend the last requests on one secret each, and no leak waits long.
"""

from typing import Final

from sqlalchemy import Connection

from scanner.ledger import batches
from scanner.revoke.client import LARGEST

FEW: Final = 10
"""Requests left this hour from which on batches wait to fill."""

LONGEST: Final = 600.0
"""Seconds that a secret waits for others at most."""


def patience(connection: Connection, plan: str, left: int) -> float:
    """When what is queued in no batch may go, in UTC epoch seconds; 0 if at once.

    Args:
        connection: A transaction.
        plan: The plan's id.
        left: How many requests are left this hour.
    """
    if left > FEW:
        return 0.0
    count, oldest = batches.loose(connection, plan, LARGEST)
    return 0.0 if count >= LARGEST else oldest + LONGEST
