import os
import socket

import pytest
from minting import mint

from scanner.finding import WINDOW
from scanner.pipeline.scan import scan_unit
from scanner.sources.files import FilesUnit


def scan(*paths, repository=None):
    """Each token in some files, with its path, line, column and offset; and the tally."""
    scanned = scan_unit(FilesUnit(tuple(map(str, paths)), repository))
    found = [
        (place.path, place.at.line, place.at.column, place.at.offset, secret.reveal())
        for secret, entry in scanned.group.entries.items()
        for place in entry.locations
    ]
    return sorted(found), scanned.tally


def test_a_token_is_found_with_line_column_and_offset(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"one\r\ntwo\n  " + mint(1) + b"\n" + mint(2))
    found, tally = scan(file)
    assert found == [(str(file), 3, 3, 11, mint(1)), (str(file), 4, 1, 52, mint(2))]
    assert (tally.files, tally.bytes, tally.failed, tally.declined) == (1, 92, [], [])


@pytest.mark.parametrize("size", [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 3 * WINDOW + 17])
def test_every_byte_is_read_once_whatever_the_size(tmp_path, size):
    file = tmp_path / "a"
    file.write_bytes(b"\n" * size)
    found, tally = scan(file)
    assert (found, tally.files, tally.bytes) == ([], 1, size)


@pytest.mark.parametrize("shift", [-4096, -4095, -4000, -40, -39, -20, -4, -1, 0, 1])
@pytest.mark.parametrize("windows", [1, 2])
def test_a_token_across_a_read_boundary_is_found_once_at_its_place(tmp_path, shift, windows):
    offset = windows * (WINDOW - 4096) + 4096 + shift
    file = tmp_path / "a"
    content = bytearray(b"0123456789abcde\n" * (WINDOW // 4))
    content[offset : offset + 40] = mint(1)
    file.write_bytes(content)
    found, _ = scan(file)
    assert found == [(str(file), offset // 16 + 1, offset % 16 + 1, offset, mint(1))]


def test_a_token_at_the_very_end_of_a_long_file_is_found(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"\n" * (2 * WINDOW) + mint(1))
    assert scan(file)[0] == [(str(file), 2 * WINDOW + 1, 1, 2 * WINDOW, mint(1))]


def test_a_link_is_not_followed_but_its_target_is_read_as_git_stores_it(tmp_path):
    (tmp_path / "outside").write_bytes(mint(1))
    (tmp_path / "link").symlink_to("outside")
    (tmp_path / "named").symlink_to(mint(2).decode())
    found, tally = scan(tmp_path / "link", tmp_path / "named")
    assert [(path, secret) for path, *_, secret in found] == [(str(tmp_path / "named"), mint(2))]
    assert tally.files == 2


def test_what_is_not_there_is_failed_and_the_rest_is_read(tmp_path):
    (tmp_path / "b").write_bytes(mint(1))
    found, tally = scan(tmp_path / "a", tmp_path / "b")
    assert len(found) == 1
    assert tally.failed == [(str(tmp_path / "a"), "No such file or directory")]


def test_a_fifo_or_a_socket_that_took_a_files_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        _, tally = scan(tmp_path / "fifo", tmp_path / "socket", "/dev/zero")
    assert [path for path, _ in tally.declined + tally.failed] == [
        str(tmp_path / "fifo"),
        "/dev/zero",
        str(tmp_path / "socket"),
    ]
    assert tally.files == 0


def test_many_tokens_in_a_long_file_each_have_their_line(tmp_path):
    lines = [b"x" * (number % 50) + mint(number) for number in range(3000)]
    file = tmp_path / "a"
    file.write_bytes((b"\n" * 700).join(lines))
    found, _ = scan(file)
    assert sorted((line, column, secret) for _, line, column, _, secret in found) == [
        (700 * number + 1, number % 50 + 1, mint(number)) for number in range(3000)
    ]


def test_a_file_that_vanishes_after_its_hit_was_read_is_failed_and_the_token_is_still_found(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"\n" * (2 * WINDOW) + mint(1))

    class Vanishing(FilesUnit):
        def position(self, item, offset):
            file.unlink()
            return super().position(item, offset)

    scanned = scan_unit(Vanishing((str(file),)))
    assert [secret.reveal() for secret in scanned.group.entries] == [mint(1)]
    ((path, reason),) = scanned.tally.failed
    assert path == str(file) and reason.startswith("it changed while it was read")
