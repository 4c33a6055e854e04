"""The hooks as git itself runs them."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from minting import mint
from repo import Repo


@pytest.fixture
def repo(tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(base="x")
    return repo


@pytest.fixture
def server(tmp_path, repo):
    """A bare repository that has what ``repo`` has, as its remote ``origin``."""
    subprocess.run(["git", "clone", "-q", "--bare", repo.path, tmp_path / "server.git"], check=True)
    repo.git("remote", "add", "origin", str(tmp_path / "server.git"))
    repo.git("fetch", "-q", "origin")
    return tmp_path / "server.git"


def attempt(repo, *words, **env):
    """A git command that may be refused: its exit code and all that it prints."""
    environment = {**os.environ, **env}
    done = subprocess.run(
        ["git", *words],
        cwd=repo.path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def hook(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_an_installed_pre_commit_hook_blocks_a_token_and_lets_the_next_commit_through(unleak, repo):
    done = unleak("hook", "install", cwd=repo.path)
    assert (done.returncode, done.stderr) == (0, f"unleak: installed {repo.path}/.git/hooks/pre-commit\n".encode())
    repo.write("a", b"\n" + mint(1))
    repo.git("add", "-A")
    code, output = attempt(repo, "commit", "-m", "leak")
    assert code == 1
    assert "a:2:1" in output
    assert "1 staged change read" in output
    assert mint(1).decode() not in output
    repo.commit("clean", a="nothing")


def test_a_hook_calls_an_absolute_interpreter_and_nothing_in_the_repository(unleak, repo):
    unleak("hook", "install", cwd=repo.path)
    assert str(Path(sys.executable)) in (repo.path / ".git/hooks/pre-commit").read_text()
    for name in ("scanner/__init__.py", "sitecustomize.py", "argparse.py", "regex.py", "bin/python", "bin/unleak"):
        repo.write(name, f"raise SystemExit(open({str(repo.path / 'mark')!r}, 'w').close())")
    repo.write("a", mint(1))
    repo.git("add", "-A")
    code, _ = attempt(repo, "commit", "-m", "x", PYTHONPATH=":.", PATH=f"{repo.path}/bin:{os.environ['PATH']}")
    assert code == 1
    assert not (repo.path / "mark").exists()


def test_a_hook_whose_interpreter_is_gone_lets_nothing_through(unleak, repo):
    unleak("hook", "install", "pre-commit", "pre-push", cwd=repo.path)
    for name in ("pre-commit", "pre-push"):
        path = repo.path / ".git/hooks" / name
        path.write_text(path.read_text().replace(sys.executable, "/nowhere/python"))
    repo.write("a", "clean")
    repo.git("add", "-A")
    assert attempt(repo, "commit", "-m", "x")[0] == 1
    assert attempt(repo, "push", str(repo.path), "HEAD:refs/heads/other")[0] == 1


def test_what_could_not_be_read_is_not_let_through(unleak, repo):
    unleak("hook", "install", cwd=repo.path)
    repo.write("a", "x")
    repo.git("add", "a")
    oid = repo.git("rev-parse", ":a")
    (repo.path / ".git/objects" / oid[:2] / oid[2:]).write_bytes(b"damaged")
    code, output = attempt(repo, "commit", "-m", "x")
    assert code == 1
    assert "failed: a: object" in output


def test_a_hook_that_is_there_is_called_too_and_comes_back(unleak, repo):
    path = repo.path / ".git/hooks/pre-commit"
    hook(path, "echo earlier ran; exit $EARLIER")
    before = path.read_text()
    unleak("hook", "install", cwd=repo.path)
    unleak("hook", "install", cwd=repo.path)
    repo.write("a", "x")
    repo.git("add", "-A")
    code, output = attempt(repo, "commit", "-m", "x", EARLIER="3")
    assert (code, "earlier ran" in output, "1 staged change read" in output) == (1, True, True)
    assert attempt(repo, "commit", "-m", "x", EARLIER="0")[0] == 0
    repo.write("a", mint(1))
    repo.git("add", "-A")
    assert attempt(repo, "commit", "-m", "x", EARLIER="0")[0] == 1
    done = unleak("hook", "uninstall", cwd=repo.path)
    assert b"and brought back the hook before it" in done.stderr
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir() if not file.name.endswith(".sample")] == ["pre-commit"]


def test_a_hook_that_is_a_link_comes_back_as_the_link(unleak, repo):
    (repo.path / ".git/hooks/pre-commit").symlink_to("../../tool")
    hook(repo.path / "tool", "echo the tool ran")
    unleak("hook", "install", cwd=repo.path)
    assert "echo the tool ran" in (repo.path / "tool").read_text()
    repo.git("add", "-A")
    assert "the tool ran" in attempt(repo, "commit", "-m", "x")[1]
    unleak("hook", "uninstall", "pre-commit", cwd=repo.path)
    assert os.readlink(repo.path / ".git/hooks/pre-commit") == "../../tool"


def test_two_hooks_that_want_the_same_place_are_a_refusal(unleak, repo):
    hook(repo.path / ".git/hooks/pre-commit", "exit 0")
    hook(repo.path / ".git/hooks/pre-commit.before-unleak", "exit 0")
    done = unleak("hook", "install", cwd=repo.path)
    assert done.returncode == 2
    assert b"is there as well" in done.stderr
    assert b"exit 0" in (repo.path / ".git/hooks/pre-commit").read_bytes()


def test_uninstalling_touches_no_hook_but_unleaks(unleak, repo):
    hook(repo.path / ".git/hooks/pre-commit", "exit 0")
    unleak("hook", "install", "pre-push", cwd=repo.path)
    done = unleak("hook", "uninstall", cwd=repo.path)
    assert done.stderr == f"unleak: took {repo.path}/.git/hooks/pre-push away\n".encode()
    assert (repo.path / ".git/hooks/pre-commit").exists()
    assert not (repo.path / ".git/hooks/pre-push").exists()
    assert b"there is no hook of unleak's" in unleak("hook", "uninstall", cwd=repo.path).stderr


@pytest.mark.parametrize("configured", ["my hooks", "{absolute}"])
def test_the_hooks_path_of_the_configuration_is_respected(unleak, repo, tmp_path, configured):
    value = configured.format(absolute=tmp_path / "elsewhere")
    repo.git("config", "core.hooksPath", value)
    repo.write("d/x", "x")
    assert unleak("hook", "install", cwd=repo.path / "d").returncode == 0
    assert (repo.path / value / "pre-commit").stat().st_mode & stat.S_IXUSR
    repo.write("a", mint(1))
    repo.git("add", "a")
    assert attempt(repo, "commit", "-m", "x")[0] == 1


def test_a_linked_worktree_shares_the_hooks(unleak, repo, tmp_path):
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    done = unleak("hook", "install", cwd=tmp_path / "linked")
    assert done.stderr == f"unleak: installed {repo.path}/.git/hooks/pre-commit\n".encode()


@pytest.mark.parametrize(
    "words", [("install", "post-commit"), ("run",), ("run", "pre-push", "pre-commit"), ("run", "pre-push")]
)
def test_what_cannot_be_done_is_one_line_and_2(unleak, repo, words):
    done = unleak("hook", *words, cwd=repo.path, stdin=b"a line of another hook\n")
    assert done.returncode == 2
    assert done.stderr.startswith(b"unleak: ")


def test_outside_a_repository_nothing_is_installed(unleak, tmp_path):
    assert unleak("hook", "install", cwd=tmp_path).returncode == 2


def test_a_push_is_stopped_by_a_token_that_its_end_no_longer_shows(unleak, repo, server):
    unleak("hook", "install", "pre-push", cwd=repo.path)
    leak = repo.commit("leak", a=b"x\n" + mint(1))
    repo.commit("take it out", a="x")
    code, output = attempt(repo, "push", "origin", "main")
    assert code == 1
    assert f"a:2:1  in commit {leak[:12]}" in output
    assert "1 pushed ref read" in output
    assert mint(1).decode() not in output
    repo.git("reset", "-q", "--hard", "HEAD~2")
    repo.commit("clean", b="x")
    code, output = attempt(repo, "push", "origin", "main", "main:other")
    assert code == 0, output
    assert "2 pushed refs read" in output
    code, output = attempt(repo, "push", "origin", ":other")
    assert (code, "0 pushed refs read" in output) == (0, True)


def test_what_the_remote_has_already_stops_no_push(unleak, repo, server):
    repo.commit("leaked long ago", a=mint("old") + b"\n")
    repo.git("push", "-q", "origin", "main")
    unleak("hook", "install", "pre-push", cwd=repo.path)
    repo.commit("an edit beside it", a=mint("old") + b"\nmore")
    assert attempt(repo, "push", "origin", "main")[0] == 0
    repo.git("checkout", "-q", "-b", "topic", "HEAD~1")
    repo.commit("another", b="x", a=b"\n" + mint("old"))
    assert attempt(repo, "push", "origin", "topic")[0] == 0


def test_a_push_to_an_address_is_read_from_what_the_other_side_tells(unleak, repo, server):
    repo.commit("leaked long ago", a=mint("old") + b"\n")
    repo.git("push", "-q", str(server), "main")
    unleak("hook", "install", "pre-push", cwd=repo.path)
    repo.commit("clean", b="x")
    code, output = attempt(repo, "push", str(server), "main")
    assert code == 0, output
    assert attempt(repo, "push", str(server), "main:new")[0] == 1


@pytest.mark.parametrize("place", ["message", "author", "tag", "ref", "blob", "merge", "root"])
def test_a_token_anywhere_in_a_push_stops_it(unleak, repo, server, place):
    unleak("hook", "install", "pre-push", cwd=repo.path)
    token, ref, where = mint(place), "main", {"message": "commit-message", "merge": "commit"}.get(place, place)
    match place:
        case "message":
            repo.commit(token.decode())
        case "author":
            repo.git("commit", "-q", "--allow-empty", "-m", "x", "--author", f"{token.decode()} <a@b>")
        case "tag":
            repo.git("tag", "-a", "-m", token.decode(), "v1")
            ref = "v1"
        case "ref":
            ref = f"main:refs/heads/{token.decode()}"
        case "blob":
            oid = repo.git("hash-object", "-w", "--stdin", stdin=token)
            ref = f"{oid}:refs/blobs/x"
        case "merge":
            repo.git("checkout", "-q", "-b", "topic")
            repo.commit(t="t")
            repo.git("checkout", "-q", "main")
            repo.commit(m="m")
            repo.git("merge", "-q", "--no-commit", "topic")
            repo.write("evil", token)
            repo.commit("merge")
        case "root":
            repo.git("checkout", "-q", "--orphan", "fresh")
            repo.commit(a=token)
            ref, where = "fresh", "commit"
    code, output = attempt(repo, "push", "origin", ref)
    assert code == 1
    assert f"in {where}" in output
    assert token.decode() not in output


def test_pre_receive_refuses_what_arrives_before_it_is_visible(unleak, repo, server):
    assert unleak("hook", "install", "pre-receive", cwd=server).returncode == 0
    repo.commit("leak", a=mint(1))
    repo.commit("gone", a="x")
    code, output = attempt(repo, "push", "origin", "main")
    assert code == 1
    assert "pre-receive hook declined" in output
    assert "1 pushed ref read, from the quarantine" in output
    assert "a:1:1  in commit" in output
    assert mint(1).decode() not in output
    leaked = repo.git("rev-parse", "HEAD~1:a")
    assert subprocess.run(["git", "cat-file", "-e", leaked], cwd=server, check=False).returncode != 0
    repo.git("reset", "-q", "--hard", "HEAD~2")
    repo.commit("clean", a="x")
    code, output = attempt(repo, "push", "origin", "main", "main:other")
    assert (code, "2 pushed refs read, from the quarantine" in output) == (0, True)


def test_pre_receive_knows_what_the_server_had(unleak, repo, server):
    repo.commit("leaked long ago", a=mint("old"))
    repo.git("push", "-q", "origin", "main")
    unleak("hook", "install", "pre-receive", cwd=server)
    repo.commit("an edit", a=mint("old") + b"\nmore")
    assert attempt(repo, "push", "origin", "main", "main~1:refs/heads/again")[0] == 0


def test_a_chained_server_hook_gets_the_same_input(unleak, repo, server):
    hook(server / "hooks/pre-receive", 'while read old new ref; do echo "earlier: $ref"; done; exit 7')
    unleak("hook", "install", "pre-receive", cwd=server)
    repo.commit(a="clean")
    code, output = attempt(repo, "push", "origin", "main", "main:other")
    assert code == 1
    assert "earlier: refs/heads/main" in output
    assert "earlier: refs/heads/other" in output


def test_post_receive_queues_what_has_arrived_and_stops_nothing(unleak, repo, server, tmp_path):
    state = tmp_path / "state"
    assert unleak("hook", "install", "post-receive", "--state-dir", state, cwd=server).returncode == 0
    repo.commit("leak", a=mint(1))
    repo.commit("gone", a=mint(2))
    code, output = attempt(repo, "push", "origin", "main", "main~1:refs/heads/other")
    assert code == 0
    assert "queued 2 secrets for 'unleak revoke'" in output
    repo.commit("an edit", a=mint(2) + b"\nmore")
    assert "queued" not in attempt(repo, "push", "origin", "main")[1]
    listed = json.loads(unleak("ledger", "list", "--format", "json", "--state-dir", state).stdout)
    assert len(listed) == 2
    shutil.rmtree(state)
    state.write_text("no directory")
    repo.commit("leak", b=mint(3))
    code, output = attempt(repo, "push", "origin", "main")
    assert (code, "state" in output) == (0, True)
    assert repo.git("rev-parse", "HEAD") == Repo(tmp_path / "r").git("ls-remote", "-q", str(server), "main").split()[0]


SPY = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, sep="\\n"))
from scanner.cli.main import run
run()
"""


@pytest.mark.parametrize("name", ["pre-commit", "pre-push", "pre-receive"])
def test_no_hook_loads_what_can_send_or_store(repo, name):
    repo.write("a", "clean")
    repo.git("add", "-A")
    words = [sys.executable, "-P", "-c", SPY, "hook", "run", name]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(words, cwd=repo.path, env=env, input=b"", capture_output=True, check=True)
    loaded = set(done.stdout.decode().split())
    assert "scanner.cli.hook" in loaded
    assert not loaded & {"scanner.revoke", "scanner.http", "scanner.ledger", "httpx", "sqlalchemy", "regex", "numpy"}
