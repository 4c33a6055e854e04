"""A pattern pack: a TOML file of patterns, read strictly, so that a mistake in one names itself."""

import pkgutil
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

from patterns.checksum import CHECKSUMS
from patterns.pattern import MAX_LENGTH, Pattern, alphabets, template_fields

_SCHEMA: Final = 1
_MIN_ANCHOR: Final = 3  # bytes; a shorter literal stands everywhere and costs every file a second look
_REVOCABLE_ANCHORS: Final = {b"ghp_", b"github_pat_", b"gho_", b"ghu_", b"ghr_"}
_REQUIRED: Final = {"id": str, "name": str, "anchors": list, "regex": str, "check": str, "template": str}
_OPTIONAL: Final = {"length": int, "revocable": bool, "negative": list, "references": list}


class PackError(ValueError):
    """A pattern pack cannot be used. The message names the file, the pattern and the reason."""


@cache
def builtin() -> tuple[Pattern, ...]:
    """The patterns that come with unleak: GitHub's seven."""
    # importlib.resources would cost each run of the hook 10 ms.
    content = pkgutil.get_data("patterns", "github.toml")
    assert content is not None
    return parse(content.decode(), "github.toml")


def load(path: Path) -> tuple[Pattern, ...]:
    """The patterns of a file.

    Raises:
        PackError: The file cannot be read, or is no valid pack.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: cannot be read: {error}") from error
    return parse(text, str(path))


def parse(text: str, source: str) -> tuple[Pattern, ...]:
    """The patterns of a pack's text.

    Regular expressions are compiled where they are used, and by ``unleak patterns check``, because a pack is read
    on every run and the ``regex`` module is only needed after an anchor was found.

    Args:
        text: TOML.
        source: What to call the text in an error.

    Raises:
        PackError: The text is no valid pack.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{source}: not TOML: {error}") from error
    if unknown := sorted(document.keys() - {"schema", "pattern"}):
        raise PackError(f"{source}: unknown key: {', '.join(unknown)}")
    if document.get("schema") != _SCHEMA:
        raise PackError(f"{source}: schema: want {_SCHEMA}, got {document.get('schema')!r}")
    tables = document.get("pattern")
    if not isinstance(tables, list) or not tables:
        raise PackError(f"{source}: no [[pattern]] in it")
    patterns: list[Pattern] = []
    for number, table in enumerate(tables, 1):
        where = f"{source}: pattern {_label(table, number)}"
        pattern = _pattern(table, where)
        if any(pattern.id == other.id for other in patterns):
            raise PackError(f"{where}: its id is taken by an earlier pattern")
        patterns.append(pattern)
    return tuple(patterns)


def _label(table: object, number: int) -> str:
    return str(table["id"]) if isinstance(table, dict) and "id" in table else f"number {number}"


def _pattern(table: object, where: str) -> Pattern:
    if not isinstance(table, dict):
        raise PackError(f"{where}: not a table")
    _check_keys(table, where)
    pattern = Pattern(
        id=table["id"],
        name=table["name"],
        anchors=tuple(anchor.encode() for anchor in table["anchors"]),
        regex=table["regex"],
        length=table.get("length"),
        check=table["check"],
        revocable=table.get("revocable", False),
        template=table["template"],
        negative=tuple(table.get("negative", ())),
        references=tuple(table.get("references", ())),
    )
    _check_values(pattern, where)
    return pattern


def _check_keys(table: dict[str, Any], where: str) -> None:
    types = _REQUIRED | _OPTIONAL
    if unknown := sorted(table.keys() - types):
        raise PackError(f"{where}: unknown key: {', '.join(unknown)}")
    if missing := sorted(_REQUIRED.keys() - table):
        raise PackError(f"{where}: missing: {', '.join(missing)}")
    for key, value in table.items():
        if type(value) is not types[key]:
            raise PackError(f"{where}: {key}: want {types[key].__name__}, got {type(value).__name__}")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise PackError(f"{where}: {key}: want a list of strings")


def _check_values(pattern: Pattern, where: str) -> None:
    if not pattern.id.replace("-", "").isalnum() or not pattern.id.isascii() or pattern.id != pattern.id.lower():
        raise PackError(f"{where}: id: want lower-case ASCII letters, digits and dashes")
    if not pattern.anchors:
        raise PackError(f"{where}: anchors: at least one is needed, because an anchor is what makes a search fast")
    if short := [anchor for anchor in pattern.anchors if len(anchor) < _MIN_ANCHOR]:
        raise PackError(f"{where}: anchors: {short[0].decode()!r} is shorter than {_MIN_ANCHOR} bytes")
    if pattern.length is not None and not 1 <= pattern.length <= MAX_LENGTH:
        raise PackError(f"{where}: length: want 1 to {MAX_LENGTH}, got {pattern.length}")
    if pattern.check != "none" and pattern.check not in CHECKSUMS:
        raise PackError(f"{where}: check: want {', '.join([*CHECKSUMS, 'none'])}, got {pattern.check!r}")
    if pattern.check != "none" and pattern.length is None:
        raise PackError(f"{where}: length: a pattern with a check needs one")
    if pattern.revocable and not _REVOCABLE_ANCHORS.issuperset(pattern.anchors):
        raise PackError(f"{where}: revocable: GitHub does not accept this type")
    if unknown := [name for name, _ in template_fields(pattern.template) if name not in alphabets()]:
        raise PackError(f"{where}: template: unknown alphabet {unknown[0]!r}; known: {', '.join(alphabets())}")
