"""The database of what was found, what was sent, and what came of it. Secrets in it are sealed."""

from scanner.ledger.database import Ledger
from scanner.ledger.entries import Entry
from scanner.ledger.intake import Added
from scanner.ledger.schema import State

__all__ = ["Added", "Entry", "Ledger", "State"]
