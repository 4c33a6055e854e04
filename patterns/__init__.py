"""What a leaked credential looks like: patterns, packs of them, and their check digits."""

from patterns.pack import PackError, builtin, load, parse
from patterns.pattern import MAX_LENGTH, Pattern

__all__ = ["MAX_LENGTH", "PackError", "Pattern", "builtin", "load", "parse"]
