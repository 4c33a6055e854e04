"""Fresh, check-valid tokens for tests, made from a seed: none may ever stand in a file of this repository."""

import random

import patterns

BY_ID = {pattern.id: pattern for pattern in patterns.builtin()}
CLASSIC = "github-pat-classic"


def mint(seed: object, pattern: str = CLASSIC) -> bytes:
    """The token that belongs to a seed: the same for the same seed, another for another."""
    return BY_ID[pattern].example(random.Random(f"{pattern}/{seed}"))


def lookalike(seed: object, pattern: str = CLASSIC) -> bytes:
    """A token's prefix and length with check digits that are wrong."""
    token = mint(seed, pattern)
    place = -1 if pattern != "github-pat-fine-grained" else 80
    wrong = b"A" if token[place : place + 1 or None] != b"A" else b"B"
    return token[:place] + wrong + (token[place + 1 :] if place != -1 else b"")
