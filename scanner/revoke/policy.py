"""What may be sent without a person: a file that a team writes once."""

from pathlib import Path
from typing import Final

import msgspec

from scanner.errors import RevokeError, UsageError
from scanner.secret import redact


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy. Its file is TOML with these names; each may be left out.

    Attributes:
        allow: Fingerprints that are never sent: canaries, and tokens of one's own.
        patterns: Ids of the only patterns that are sent; none means all.
        cap: The most secrets that one run sends.
        ask_above: With more than this many to send, a run needs ``--plan``, which a person has seen.
    """

    allow: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    cap: int | None = None
    ask_above: int | None = None

    def check(self, count: int, plan: str) -> None:
        """Make sure that so many may be sent without a person.

        Raises:
            RevokeError: They are too many; nothing was sent.
        """
        if self.ask_above is not None and count > self.ask_above:
            raise RevokeError(
                f"{count:,} secrets to send, and the policy asks a person above {self.ask_above:,}",
                f"Look at them, then: unleak revoke --execute --yes --plan {plan}",
            )


ANYTHING: Final = Policy()


def read_policy(path: Path) -> Policy:
    """The policy of a file.

    Raises:
        UsageError: It cannot be read, or is no policy.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Policy)
    except OSError as error:
        raise UsageError(f"{redact(str(path))}: {error.strerror}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"{redact(str(path))}: is no policy: {redact(str(error))}") from None
