"""A hostile repository runs nothing: each of these settings would create a file if its program ran."""

import os
import subprocess
import sys

import pytest
from minting import mint
from repo import Repo

# In each value {run} is a command that leaves a mark, {script} a program that does, and {directory} one of such hooks.
SETTINGS = {
    "core.fsmonitor": "{script}",
    "core.fsmonitor as a shell line": "{run}; true",
    "core.hooksPath": "{directory}",
    "core.pager": "{run}",
    "core.editor": "{run}",
    "core.askPass": "{script}",
    "core.sshCommand": "{run}",
    "core.gitProxy": "{script}",
    "core.alternateRefsCommand": "{run}",
    "core.attributesFile": "{attributes}",
    "pager.diff": "{run}",
    "pager.cat-file": "{run}",
    "pager.rev-list": "{run}",
    "alias.diff": "!{run}",
    "alias.cat-file": "!{run}",
    "alias.rev-parse": "!{run}",
    "diff.external": "{script}",
    "diff.evil.command": "{script}",
    "diff.evil.textconv": "{script}",
    "diff.evil.cachetextconv with textconv": "{script}",
    "diff.tool": "evil",
    "difftool.evil.cmd": "{run}",
    "merge.evil.driver": "{run}",
    "filter.evil.clean": "{script}",
    "filter.evil.smudge": "{script}",
    "filter.evil.process": "{script}",
    "gpg.program": "{script}",
    "gpg.ssh.program": "{script}",
    "gpg.x509.program": "{script}",
    "log.showSignature": "true",
    "credential.helper": "!{run}",
    "credential.https://example.com.helper": "!{run}",
    "remote.origin.url": "ext::{script}",
    "remote.origin.uploadpack": "{run};",
    "remote.origin.receivepack": "{run};",
    "remote.origin.vcs": "evil",
    "remote.origin.proxy": "ext::{script}",
    "url.ext::{script}.insteadOf": "https://",
    "protocol.ext.allow": "always",
    "protocol.allow": "always",
    "uploadpack.packObjectsHook": "{script}",
    "receive.procReceiveRefs": "refs",
    "include.path": "{included}",
    "includeIf.gitdir:/.path": "{included}",
    "extensions.worktreeConfig": "true",
    "trailer.evil.cmd": "{run}",
    "sequence.editor": "{run}",
    "submodule.sub.update": "!{run}",
    "init.templateDir": "{template}",
    "man.viewer": "evil",
    "man.evil.cmd": "{run}",
    "browser.evil.cmd": "{run}",
    "mergetool.evil.cmd": "{run}",
    "interactive.diffFilter": "{run}",
    "sendemail.sendmailCmd": "{run}",
}

HOOKS = (
    "applypatch-msg", "fsmonitor-watchman", "post-checkout", "post-index-change", "pre-commit", "pre-push",
    "reference-transaction", "update", "post-update", "pre-auto-gc", "proc-receive", "post-merge",
)  # fmt: skip

# The commands run in one process, from within the repository.
DRIVER = """
import sys
from scanner.cli.main import main
print(*[main(words.split()) for words in sys.argv[1:]])
"""
COMMANDS = (
    "diff --staged -o /dev/null",
    "diff --unstaged -o /dev/null",
    "diff HEAD -o /dev/null",
    "diff HEAD~1..HEAD -o /dev/null",
    "diff HEAD~1...HEAD -o /dev/null",
    "scan -o /dev/null",
)


class Hostile:
    """A repository with everything that a setting could act upon, and the mark that its program would leave."""

    def __init__(self, directory):
        self.mark = directory / "mark"
        self.script = directory / "script"
        self.hooks = directory / "hooks"
        self.repo = Repo(directory / "r")
        self.hooks.mkdir()
        for path in (self.script, *(self.hooks / hook for hook in HOOKS)):
            path.write_text(f"#!/bin/sh\ntouch {self.mark}\nexit 1\n")
            path.chmod(0o755)
        (directory / "template").mkdir()
        (directory / "template/hooks").symlink_to(self.hooks)
        (directory / "attributes").write_text("* diff=evil filter=evil\n")
        (directory / "included").write_text(
            f"[core]\n\tfsmonitor = {self.script}\n\thooksPath = {self.hooks}\n[diff]\n\texternal = {self.script}\n"
        )
        self.words = {
            "run": f"touch {self.mark}",
            "script": str(self.script),
            "directory": str(self.hooks),
            "attributes": str(directory / "attributes"),
            "included": str(directory / "included"),
            "template": str(directory / "template"),
        }
        self.repo.write(".gitattributes", "* diff=evil filter=evil merge=evil\n")
        self.repo.commit(a="x" * 500, b="y" * 500, edited="z")
        self.repo.write("edited", mint("unstaged"))
        self.repo.git("mv", "a", "renamed")
        self.repo.write("renamed", b"x" * 480 + mint("committed"))
        self.repo.git("add", "renamed")
        self.repo.git("commit", "-q", "-m", "second")
        self.repo.write("new", mint("staged"))
        self.repo.git("add", "new")

    def set(self, setting):
        name = setting.split(" ")[0].format(**self.words).replace("cachetextconv", "textconv")
        self.repo.git("config", name, SETTINGS[setting].format(**self.words))
        if setting == "extensions.worktreeConfig":
            self.repo.git("config", "--worktree", "core.fsmonitor", str(self.script))
        if setting == "log.showSignature":
            self.repo.git("config", "gpg.program", str(self.script))
        if setting.startswith(("remote.", "protocol.")):
            # A blob that is promised, so that git would fetch it.
            self.repo.git("config", "extensions.partialClone", "origin")
            self.repo.git("config", "remote.origin.promisor", "true")
            if setting != "remote.origin.url":
                self.repo.git("config", "remote.origin.url", f"ext::{self.script}" if "protocol" in setting else "/x")
        self.mark.unlink(missing_ok=True)


@pytest.fixture
def hostile(tmp_path):
    return Hostile(tmp_path)


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_program_that_a_repository_names_is_run(hostile, setting):
    hostile.set(setting)
    if setting.startswith(("remote.", "protocol.", "url.")):
        oid = hostile.repo.git("rev-parse", "HEAD:b")
        (hostile.repo.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    words = [sys.executable, "-P", "-c", DRIVER, *COMMANDS]
    done = subprocess.run(words, cwd=hostile.repo.path, capture_output=True, check=True, timeout=120)
    codes = set(done.stdout.split())
    assert not hostile.mark.exists()
    assert codes == {b"1"}, done.stderr


def test_all_of_them_together_run_nothing_for_hooks_either(hostile, tmp_path):
    for setting in SETTINGS:
        if setting not in {"core.fsmonitor", "diff.evil.textconv"}:  # which another row sets
            hostile.set(setting)
    commands = ("hook install pre-push", "hook uninstall", "hook run pre-commit", "hook run pre-push -- origin url")
    new = hostile.repo.git("-c", "core.fsmonitor=false", "rev-parse", "HEAD")
    done = subprocess.run(
        [sys.executable, "-P", "-c", DRIVER, *commands],
        cwd=hostile.repo.path,
        input=f"refs/heads/main {new} refs/heads/main {'0' * 40}\n".encode(),
        capture_output=True,
        check=True,
    )
    assert done.stdout.split()[-4:] == [b"0", b"0", b"1", b"1"], done.stderr
    assert not hostile.mark.exists()


def test_a_promised_object_is_not_fetched(hostile):
    hostile.set("remote.origin.url")
    oid = hostile.repo.git("rev-parse", ":new")
    (hostile.repo.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    words = [sys.executable, "-P", "-c", DRIVER, "diff --staged"]
    done = subprocess.run(words, cwd=hostile.repo.path, capture_output=True, check=True, timeout=120)
    assert done.stdout.split() == [b"4"]
    assert not hostile.mark.exists()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("core.fsmonitor", ("status",)),
        ("core.hooksPath", ("commit", "--allow-empty", "-m", "x")),
        ("diff.external", ("diff", "HEAD")),
        ("diff.evil.textconv", ("diff", "HEAD")),
        ("filter.evil.clean", ("add", "-A")),
        ("include.path", ("status",)),
        ("extensions.worktreeConfig", ("status",)),
        ("remote.origin.url", ("-c", "protocol.ext.allow=always", "fetch", "origin")),
        ("log.showSignature", ("log",)),
    ],
)
def test_with_git_itself_such_a_setting_does_run(hostile, setting, words):
    if setting == "log.showSignature":
        body = hostile.repo.git("cat-file", "commit", "HEAD").replace(
            "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n\n"
        )
        oid = hostile.repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=body.encode())
        hostile.repo.git("reset", "-q", "--soft", oid)
    hostile.set(setting)
    subprocess.run(["git", *words], cwd=hostile.repo.path, capture_output=True, check=False, timeout=60)
    assert hostile.mark.exists()


def test_a_clone_runs_nothing_of_the_repository_it_is_made_in_nor_of_the_one_it_is_made_from(hostile, unleak, tmp_path):
    for setting in SETTINGS:
        if "include" not in setting and setting not in {"core.fsmonitor", "diff.evil.textconv"}:
            hostile.set(setting)
    (tmp_path / "elsewhere").mkdir()
    source = Hostile(tmp_path / "elsewhere")
    head = source.repo.git("rev-parse", "HEAD")
    for setting in ("core.fsmonitor", "core.hooksPath", "uploadpack.packObjectsHook", "core.alternateRefsCommand"):
        source.set(setting)
    url = source.repo.path.as_uri()
    result = unleak("scan", url, cwd=hostile.repo.path)
    assert result.returncode == 1, result.stderr
    assert f"renamed:1:481  in commit {head[:12]}" in (result.stdout.decode())
    assert f"({url})" in result.stdout.decode()
    assert not hostile.mark.exists()
    assert not source.mark.exists()


@pytest.mark.parametrize(
    "address", ["ext::sh -c touch% mark", "ext::touch mark", "evil::x", "fd::3", "ssh://-oProxyCommand=touch mark/x"]
)
def test_an_address_that_names_a_program_is_refused(unleak, tmp_path, address):
    result = unleak("scan", address, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(b"unleak: ")
    assert not (tmp_path / "mark").exists()


def test_a_clone_url_is_scanned_with_all_its_refs_and_leaves_nothing_behind(unleak, tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(a=mint(1))
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit(a=mint(2))
    repo.git("update-ref", "refs/pull/1/head", repo.commit(a=mint(3)))
    repo.git("reset", "-q", "--hard", "HEAD~2")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    result = unleak("scan", f"file://{repo.path}", tmp_path / "r/a", env={"TMPDIR": str(scratch)})
    assert result.returncode == 1
    assert result.stdout.count(b"fingerprint") == 3
    assert list(scratch.iterdir()) == []
    assert str(scratch).encode() not in result.stdout + result.stderr


def test_a_clone_that_cannot_be_had_is_one_line_and_2_without_the_password(unleak, tmp_path):
    missing = unleak("scan", f"file://{tmp_path}/nowhere")
    assert missing.returncode == 2
    assert missing.stderr.startswith(b"unleak: file://")
    assert missing.stderr.count(b"\n") == 1
    secret = unleak("scan", "https://user:hunter2@127.0.0.1:1/x.git")
    assert secret.returncode == 2
    assert b"hunter2" not in secret.stderr


def test_a_folder_named_scanner_in_the_repository_is_not_imported(unleak, hostile):
    for name in ("scanner/__init__.py", "sitecustomize.py", "argparse.py", "git/__init__.py", "regex.py"):
        hostile.repo.write(name, f"open({str(hostile.mark)!r}, 'w')\nraise SystemExit('imported')")
    assert unleak("diff", cwd=hostile.repo.path).returncode == 1
    assert unleak("scan", cwd=hostile.repo.path).returncode == 1
    assert unleak("scan", hostile.repo.path.as_uri(), cwd=hostile.repo.path, env=dict(os.environ)).returncode == 1
    assert not hostile.mark.exists()
