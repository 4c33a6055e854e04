"""The promises of the main job, each as its user would try it."""

import json
import os
import random
import re
import sqlite3
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from minting import BY_ID, lookalike, mint
from repo import Repo

from scanner.sandbox import running
from scanner.secret import fingerprint


@pytest.fixture
def sandbox():
    with running() as it:
        yield it


def revoke(unleak, url, *words):
    return unleak("revoke", "--execute", "--yes", "--api-url", url, *words)


def state_bytes(tmp_path):
    state = tmp_path / "state"
    return b"".join(file.read_bytes() for file in sorted(state.rglob("*")) if file.is_file())


def test_2500_tokens_over_10000_files_are_three_requests_and_leave_no_trace(unleak, tmp_path, sandbox, monkeypatch):
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path / "state"))
    revocable = [pattern.id for pattern in BY_ID.values() if pattern.revocable]
    tokens = [mint(number, revocable[number % len(revocable)]) for number in range(2500)]
    for number in range(10_000):
        file = tmp_path / "tree" / f"{number % 100}" / f"{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x = '" + tokens[number % 2500] + b"'\n" + tokens[(number * 7) % 2500])
    queued = unleak("scan", "--queue", "tree")
    assert queued.returncode == 1
    assert b"queued 2,500" in queued.stderr
    sealed = _sealed(tmp_path / "state")
    assert len(sealed) > 2500

    result = revoke(unleak, sandbox.url)
    assert result.returncode == 0, result.stderr
    assert [one.credentials for one in sandbox.received if one.path == "/credentials/revoke"] == [1000, 1000, 500]
    arrived = [one for request in sandbox.received for one in request.fingerprints]
    assert sorted(arrived) == sorted(map(fingerprint, tokens))

    assert revoke(unleak, sandbox.url).returncode == 0
    assert sum(one.credentials for one in sandbox.received) == 2500

    left = state_bytes(tmp_path)
    assert not [token for token in tokens if token in left]
    assert not [one for one in sealed if one in left]

    shown = unleak("audit", "verify")
    assert shown.returncode == 0
    head = re.search(rb"[0-9a-f]{64}", shown.stdout + shown.stderr)[0].decode()
    _tamper(unleak, tmp_path / "state" / "audit.jsonl", head)


def _sealed(state):
    """Everything that is stored encrypted: the sealed secrets, and the sealed keys that open them."""
    connection = sqlite3.connect(state / "ledger.sqlite3")
    try:
        found = []
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"SELECT * FROM {table}"):
                found += [value for value in row if isinstance(value, bytes)]
        return found
    finally:
        connection.close()


def _tamper(unleak, log, head):
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert unleak("audit", "verify", "--expect", head).returncode == 0
    rng = random.Random(1)
    places = [place for place in range(len(whole)) if whole[place] != 0x0A]
    for place in rng.sample(places, 12):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.randrange(7)
        log.write_bytes(changed)
        assert unleak("audit", "verify", "--expect", head).returncode == 2, place
    for number in range(len(lines)):
        log.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert unleak("audit", "verify", "--expect", head).returncode == 2, number
    log.write_bytes(whole)


def test_lookalikes_and_documentation_examples_queue_nothing(unleak, tmp_path):
    rng = random.Random(7)
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    with (tmp_path / "lookalikes").open("w") as file:
        for number in range(100_000):
            if number % 2:
                file.write("ghp_" + "".join(rng.choices(alphabet, k=36)) + "\n")
            else:
                first, second = rng.choices(alphabet, k=22), rng.choices(alphabet, k=59)
                file.write(f"github_pat_{''.join(first)}_{''.join(second)}\n")
        file.writelines(text + "\n" for pattern in BY_ID.values() for text in pattern.negative)
    result = unleak("scan", "lookalikes", "--queue", "--state-dir", "state")
    assert (result.returncode, result.stdout) == (0, b"")
    assert json.loads(unleak("ledger", "list", "--format", "json", "--state-dir", "state").stdout) == []


def test_local_findings_fail_nothing_and_are_queued_only_when_asked_for(unleak, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path / "state"))
    repo = Repo(tmp_path / "r")
    repo.commit(__gitignore=".env")
    repo.write(".env", mint(1))
    repo.git("config", "http.extraHeader", f"Authorization: token {mint(2).decode()}")
    result = unleak("scan", "r", "--queue")
    assert result.returncode == 0
    assert result.stdout.count(b"local") >= 2
    assert json.loads(unleak("ledger", "list", "--format", "json").stdout) == []
    assert unleak("scan", "r", "--queue-local").returncode == 0
    rows = json.loads(unleak("ledger", "list", "--format", "json").stdout)
    assert {row["fingerprint"] for row in rows} == {fingerprint(mint(1)), fingerprint(mint(2))}


@pytest.fixture
def queued(unleak, tmp_path, monkeypatch):
    """A ledger with one token in it."""
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "a").write_bytes(mint(1))
    assert unleak("scan", "a", "--queue").returncode == 1


AUDIT_HOOK = """
import sys
def spy(event, arguments):
    if event.startswith("socket.") and event not in {"socket.gethostname"}:
        print("SOCKET", event, arguments, file=sys.stderr)
sys.addaudithook(spy)
from scanner.cli.main import run
run()
"""


def test_without_execute_no_socket_is_opened(queued, tmp_path, sandbox):
    def run(*words):
        argv = [sys.executable, "-P", "-c", AUDIT_HOOK, "revoke", "--api-url", sandbox.url, *words]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)

    dry = run()
    assert dry.returncode == 0
    assert b"SOCKET" not in dry.stderr
    assert b"socket.connect" in run("--execute", "--yes").stderr


@pytest.mark.parametrize("name", ["UNLEAK_EXECUTE", "UNLEAK_YES"])
def test_no_variable_acts(unleak, queued, sandbox, name):
    env = {"UNLEAK_EXECUTE": "1", "UNLEAK_YES": "1", "UNLEAK_API_URL": sandbox.url}
    assert unleak("revoke", env=env).returncode == 0
    assert unleak("revoke", "--execute", env=env).returncode == 2
    assert sandbox.received == ()


def test_no_config_file_in_a_scanned_repository_acts(unleak, tmp_path, queued, sandbox):
    settings = f'execute = true\nyes = true\napi-url = "{sandbox.url}"\nqueue = true\nfail-on = "never"\n'
    repo = Repo(tmp_path / "r")
    repo.write("unleak.toml", settings)
    repo.write(".unleak.toml", settings)
    repo.write("pyproject.toml", "[tool.unleak]\n" + settings)
    repo.write("leak", mint(2))
    repo.commit()
    assert unleak("scan", cwd=repo.path).returncode == 1
    assert unleak("revoke", cwd=repo.path).returncode == 0
    assert len(json.loads(unleak("ledger", "list", "--format", "json").stdout)) == 1
    assert sandbox.received == ()


def test_a_hostile_netrc_and_proxy_send_nothing_along(unleak, queued, sandbox):
    home = os.environ["HOME"]
    netrc = Path(home) / ".netrc"
    netrc.write_text("default login mallory password stolen\n")
    netrc.chmod(stat.S_IRUSR | stat.S_IWUSR)
    env = {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9", "NETRC": str(netrc)}
    result = unleak("revoke", "--execute", "--yes", "--api-url", sandbox.url, env=env)
    assert result.returncode == 0, result.stderr
    (request,) = [one for one in sandbox.received if one.path == "/credentials/revoke"]
    assert request.status == 202
    assert not {"authorization", "cookie", "proxy-authorization"} & set(request.headers)


def test_user_info_in_the_url_is_refused(unleak, queued, sandbox):
    url = sandbox.url.replace("http://", "http://me:pw@")
    result = revoke(unleak, url)
    assert result.returncode == 2
    assert b"pw" not in result.stderr
    assert sandbox.received == ()


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://api.github.com", "https://api.github.com.evil.example", "ftp://127.0.0.1"]
)
def test_any_other_address_is_refused(unleak, queued, url):
    result = revoke(unleak, url)
    assert result.returncode == 2
    assert result.stderr.startswith(b"unleak: ")


def test_a_redirect_is_not_followed_and_nothing_is_accepted(unleak, queued, sandbox):
    class Redirect(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", sandbox.url + "/credentials/revoke")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Redirect) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            result = revoke(unleak, f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert result.returncode != 0
    assert sandbox.received == ()
    (row,) = json.loads(unleak("ledger", "list", "--format", "json").stdout)
    assert row["state"] != "accepted"


def test_the_budget_ends_with_3_and_says_when_to_come_back(unleak, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "a").write_bytes(b"\n".join(map(mint, range(1500))))
    assert unleak("scan", "a", "--queue").returncode == 1
    with running(limit=1) as sandbox:
        result = revoke(unleak, sandbox.url)
        assert result.returncode == 3
        assert [one.credentials for one in sandbox.received if one.status == 202] == [1000]
    states = [row["state"] for row in json.loads(unleak("ledger", "list", "--format", "json").stdout)]
    assert (states.count("accepted"), states.count("queued")) == (1000, 500)


def test_a_paused_ledger_sends_nothing_until_it_is_resumed(unleak, queued, sandbox):
    assert unleak("ledger", "pause").returncode == 0
    assert revoke(unleak, sandbox.url).returncode != 0
    assert sandbox.received == ()
    assert unleak("ledger", "resume").returncode == 0
    assert revoke(unleak, sandbox.url).returncode == 0


def test_no_output_of_any_command_holds_a_secret(unleak, tmp_path, monkeypatch, sandbox):
    """One run of every command over the same secrets, which stand in names, authors, refs and variables too."""
    monkeypatch.setenv("UNLEAK_STATE_DIR", str(tmp_path / "state"))
    tokens = [mint(number, pattern) for number, pattern in enumerate(BY_ID)]
    one, two = tokens[0].decode(), mint("in names").decode()
    tokens.append(two.encode())
    repo = Repo(tmp_path / f"repo-{two}")
    repo.write(f"{one}/{two}.txt", b"\n".join(tokens))
    repo.git("add", "-A")
    repo.git(
        "commit", "-qm", f"a message with {two}",
        env={"GIT_AUTHOR_NAME": one, "GIT_AUTHOR_EMAIL": f"{two}@example.com", "GIT_COMMITTER_NAME": two},
    )  # fmt: skip
    repo.git("branch", two)
    repo.git("tag", "-m", two, one)
    repo.git("config", "remote.origin.url", f"https://{two}@example.com")
    repo.write("later.txt", b"again " + tokens[0])
    (repo.path / os.fsdecode(b"\xe9" + two.encode())).write_bytes(tokens[1])
    repo.git("add", "later.txt")
    closed = repo.write(f"closed-{two}", b"x")
    closed.unlink()
    closed.symlink_to(f"/nowhere/{one}")
    os.mkfifo(repo.path / f"fifo-{two}")

    written = []

    def run(*argv, expect, **options):
        result = unleak(*argv, **options)
        assert result.returncode in expect, (argv, result.returncode, result.stderr)
        written.extend((result.stdout, result.stderr))
        return result

    everything = {0, 1, 2, 3, 4, 5}
    for form in ("text", "json", "jsonl"):
        run("scan", str(repo.path), "--format", form, "--include-failed", "-v", expect={1})
        run("diff", "--format", form, "--", f"{one}/{two}.txt", cwd=repo.path, expect={1})
        run("scan", "-", "--format", form, stdin=b"\n".join(tokens), expect={1})
    run("scan", str(repo.path), "-o", str(tmp_path / "out.json"), "--format", "json", expect={1})
    written.append((tmp_path / "out.json").read_bytes())
    run("scan", str(repo.path), "--queue-local", "-v", expect={1})
    plan = run("revoke", "-v", expect={0}).stdout.decode()
    assert plan
    for words in (
        ("scan", f"/no/{two}"),
        ("scan", f"--{two}"),
        ("scan", "--format", two),
        ("scan", "--jobs", two),
        (two,),
        ("patterns", "check", two),
        ("patterns", two),
        ("diff", two),
        ("revoke", "--execute", "--yes", "--plan", two),
        ("revoke", "--execute", "--yes", "--api-url", f"https://{two}@api.github.com"),
        ("revoke", "--execute", "--yes", "--api-url", f"http://127.0.0.1:1/{two}"),
        ("audit", "verify", "--expect", two),
        ("ledger", "list", "--state-dir", f"/proc/{two}"),
        ("hook", "install", two),
        ("enterprise", "revoke-user", two, one),
        ("enterprise", "revoke-all", two),
        ("ledger", "show", two),
        ("ledger", "drop", two),
        ("doctor", "--api-url", f"http://127.0.0.1:1/{two}"),
        ("demo", two),
        ("sandbox", "--host", two),
        ("sandbox", "--port", two),
    ):
        run(*words, "-v", expect=everything)
    run("scan", env={"UNLEAK_FORMAT": two}, expect={2})
    revoked = run("revoke", "--execute", "--yes", "--api-url", sandbox.url, "-v", expect={0})
    assert revoked.returncode == 0
    for words in (
        ("ledger", "list"),
        ("ledger", "list", "--format", "json"),
        ("ledger", "list", "--format", "jsonl"),
        ("audit", "show"),
        ("audit", "show", "--format", "jsonl"),
        ("audit", "verify"),
        ("patterns", "list"),
        ("patterns", "check"),
        ("--help",),
        ("ledger", "pause"),
        ("ledger", "resume"),
    ):
        run(*words, expect={0})
    written.append((tmp_path / "state" / "audit.jsonl").read_bytes())
    everything_written = b"\n".join(written)
    assert everything_written.count("ghp_…".encode()) > 20
    leaked = [token for token in tokens if token in everything_written]
    assert leaked == []
    for token in tokens:
        assert token[12:-6] not in everything_written
    assert sum(one.credentials for one in sandbox.received) == 6  # five revocable kinds, and the one in names


def test_a_lookalike_that_is_shown_is_redacted_too(unleak, tmp_path):
    (tmp_path / "a").write_bytes(lookalike(1))
    result = unleak("scan", "--include-failed")
    assert lookalike(1) not in result.stdout + result.stderr
    assert "ghp_…".encode() in result.stdout
