"""Options that all commands share, and their values from the environment."""

import os
from argparse import Action, ArgumentParser, ArgumentTypeError, _AppendAction, _StoreTrueAction
from pathlib import Path
from typing import Any, Final, NoReturn

from scanner.errors import UsageError

# What these do cannot be undone: only a person or a script that names them does it, never a setting left behind.
# A plan is a part of that.
_ACTS: Final = {"execute", "yes", "plan", "confirm", "destroy_credentials", "help"}

_TRUE: Final = {"1", "true", "yes", "on"}
_FALSE: Final = {"0", "false", "no", "off"}


class Parser(ArgumentParser):
    """A parser whose errors are one line and a hint, and that can tell what follows a ``--`` from the rest."""

    _after_dashes: str | None = None

    def take_after_dashes(self, dest: str, usage: str) -> None:
        """Keep the words after the first ``--`` as a list of their own: they are never options or other arguments.

        Args:
            dest: The attribute to keep them in.
            usage: What the help says of all arguments.
        """
        self._after_dashes = dest
        self.set_defaults(**{dest: []})
        self.usage = f"%(prog)s {usage}"

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Split off what follows the dashes, and parse the rest."""
        words = list(args or ())
        after: list[str] = []
        if self._after_dashes and "--" in words:
            place = words.index("--")
            words, after = words[:place], words[place + 1 :]
        known, unknown = super().parse_known_args(words, namespace)
        if after:
            setattr(known, str(self._after_dashes), after)
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting: ``main`` alone exits."""
        raise UsageError(message, f"'{self.prog} --help' lists the options.")


def add_shared(parser: ArgumentParser) -> None:
    """The options that every command has."""
    group = parser.add_argument_group("everywhere")
    group.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="where the ledger, its key and the audit log are kept"
    )
    group.add_argument(
        "--ledger", metavar="URL", help="postgresql://… that a team shares; default: a file in the state directory"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing on stderr but errors")
    group.add_argument("-v", "--verbose", action="store_true", help="with an error, show where it was raised")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour on a terminal")


def apply_environment(parser: ArgumentParser) -> None:
    """Take defaults from ``UNLEAK_STATE_DIR`` and so on, for each option that does not act.

    Raises:
        UsageError: A variable's value is not one that its option takes.
    """
    for action in list(parser._actions):  # noqa: SLF001 - argparse has no public way to list a parser's options
        if not action.option_strings or action.dest in _ACTS:
            continue
        variable = f"UNLEAK_{action.dest.upper()}"
        value = os.environ.get(variable)
        if value:
            action.default = _value(variable, value, action)
            action.required = False


def _value(variable: str, value: str, action: Action) -> Any:
    if isinstance(action, _StoreTrueAction):
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE
        raise UsageError(f"{variable}={value}: want 1 or 0")
    try:
        converted = action.type(value) if callable(action.type) else value
    except (ArgumentTypeError, TypeError, ValueError) as error:
        raise UsageError(f"{variable}={value}: {error}") from error
    if action.choices is not None and converted not in action.choices:
        raise UsageError(f"{variable}={value}: want {', '.join(map(str, action.choices))}")
    return [converted] if isinstance(action, _AppendAction) else converted
