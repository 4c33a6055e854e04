"""The names of files in the headers of patches: quoted, with a prefix, with a date behind them."""

import os
import re
from typing import Final

from scanner.sources.git.layout import unescape

# git's own prefixes, with diff.mnemonicPrefix too.
_PREFIX: Final = re.compile(rb"[abciwo12]/")
_NOWHERE: Final = b"/dev/null"


def name_in_header(line: bytes) -> str:
    """The new name in ``diff --git a/x b/x`` or ``diff --cc x``, as well as can be told where a name has spaces."""
    kind, _, rest = line.removeprefix(b"diff ").partition(b" ")
    if kind != b"--git":
        return quoted_name(rest)
    if rest.endswith(b'"') and (begin := rest.find(b' "')) >= 0:
        new = unescape(rest[begin + 2 : -1])
    else:
        # Unless the file is renamed, which another line tells, both halves are the same but for the prefix.
        middle = len(rest) // 2
        new = rest[middle + 1 :] if rest[middle : middle + 1] == b" " else rest.rpartition(b" ")[2]
    return os.fsdecode(_PREFIX.sub(b"", new, count=1) if _PREFIX.match(new) else new)


def names_in_lines(old: bytes, new: bytes) -> str:
    """The new name from the lines that begin with ``---`` and ``+++``; of a file that goes, the old one."""
    before, after = _name(old[4:]), _name(new[4:])
    name = before if after == _NOWHERE else after
    prefixed = all(_PREFIX.match(side) for side in (before, after) if side != _NOWHERE)
    return os.fsdecode(name[2:] if prefixed else name)


def quoted_name(name: bytes) -> str:
    """A name that stands alone, in git's quotes or without."""
    return os.fsdecode(_unquoted(name))


def _name(text: bytes) -> bytes:
    # A tab ends the name: a date may follow, and git sets one behind a name with spaces. In quotes there is no tab.
    return _unquoted(text.split(b"\t", 1)[0])


def _unquoted(name: bytes) -> bytes:
    return unescape(name[1:-1]) if len(name) > 1 and name[:1] == name[-1:] == b'"' else name
