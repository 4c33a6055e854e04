import multiprocessing
import os
import stat

import pytest

from scanner.errors import StateError
from scanner.state import Busy, locked, open_private, state_directory


def test_a_missing_state_directory_is_made_for_its_owner_alone(tmp_path):
    made = state_directory(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_without_a_name_it_is_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert state_directory(None).is_relative_to(tmp_path)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_directory_that_lets_others_in_is_refused(tmp_path, mode):
    directory = tmp_path / "loose"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(StateError, match="lets others in"):
        state_directory(directory)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be the state directory"):
        state_directory(tmp_path / "file")


def test_another_users_directory_is_refused(tmp_path, monkeypatch):
    directory = state_directory(tmp_path / "state")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StateError, match="another user"):
        state_directory(directory)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o644)
    with pytest.raises(StateError, match="0644"):
        open_private(path)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="cannot be opened"):
        open_private(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_keeps_others_out_until_it_is_let_go_of(tmp_path):
    path = tmp_path / "lock"
    with locked(path), pytest.raises(Busy), locked(path, wait=False):
        pass
    with locked(path, wait=False):
        pass


def test_a_shared_lock_is_shared_with_readers_only(tmp_path):
    path = tmp_path / "lock"
    with locked(path, shared=True):
        with locked(path, shared=True, wait=False):
            pass
        with pytest.raises(Busy), locked(path, wait=False):
            pass


def _hold_and_die(path, held):
    with locked(path):
        held.set()
        os._exit(1)


def test_a_lock_dies_with_its_process(tmp_path):
    path = tmp_path / "lock"
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=_hold_and_die, args=(path, held))
    process.start()
    process.join(60)
    assert held.is_set()
    with locked(path, wait=False):
        pass
