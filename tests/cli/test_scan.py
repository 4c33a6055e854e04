import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from console import UNLEAK
from minting import BY_ID, lookalike, mint
from repo import Repo


def findings(result):
    return [record for record in map(json.loads, result.stdout.splitlines()) if record["type"] == "finding"]


def summary(result):
    (record,) = [record for record in map(json.loads, result.stdout.splitlines()) if record["type"] == "summary"]
    return record


def test_a_clean_directory_ends_with_0_and_says_how_much_was_read(unleak, tmp_path):
    (tmp_path / "a").write_text("nothing here")
    result = unleak("scan")
    assert (result.returncode, result.stdout) == (0, b"")
    assert b"read 1 file (12 bytes)" in result.stderr
    assert b"found nothing" in result.stderr


def test_hidden_ignored_and_binary_files_are_read(unleak, tmp_path):
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "a").write_bytes(mint(1))
    (tmp_path / ".gitignore").write_text("*.bin")
    (tmp_path / "b.bin").write_bytes(b"\0\xff" + mint(2) + b"\0")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "c").write_bytes(mint(3))
    result = unleak("scan", "--format", "jsonl")
    assert result.returncode == 1
    assert {finding["locations"][0]["path"] for finding in findings(result)} == {
        ".hidden/a",
        "b.bin",
        "node_modules/c",
    }


def test_one_finding_a_secret_with_all_its_locations(unleak, tmp_path):
    for name in "cab":
        (tmp_path / name).write_bytes(b"x\n" + mint(1) + b" " + mint(1))
    (finding,) = findings(unleak("scan", "--format", "jsonl"))
    assert finding["locations_total"] == 6
    assert [(place["path"], place["line"], place["column"], place["offset"]) for place in finding["locations"]] == [
        (name, 2, column, column + 1) for name in "abc" for column in (1, 42)
    ]
    assert finding == finding | {
        "schema": 1,
        "pattern": "github-pat-classic",
        "name": "GitHub personal access token (classic)",
        "check": "passed",
        "revocable": True,
        "exposure": "file",
        "redacted": f"ghp_…{mint(1)[-4:].decode()}",
    }


def test_locations_are_capped_in_output_and_counted_in_full(unleak, tmp_path):
    (tmp_path / "a").write_bytes((mint(1) + b"\n") * 1000)
    (finding,) = findings(unleak("scan", "--format", "jsonl"))
    assert finding["locations_total"] == 1000
    assert [place["line"] for place in finding["locations"]] == list(range(1, 101))


def test_the_same_findings_whatever_the_number_of_workers(unleak, tmp_path):
    for number in range(2000):
        (tmp_path / f"{number}").write_bytes(mint(number % 150) + b"\n" + mint(0) + b"\n")
    outputs = {
        b"\n".join(unleak("scan", "--format", "jsonl", "--jobs", jobs).stdout.splitlines()[:-1]) for jobs in "125"
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 150


def test_standard_input_is_a_source(unleak):
    result = unleak("scan", "-", "--format", "jsonl", stdin=b"a\nb " + mint(1))
    (finding,) = findings(result)
    assert finding["locations"] == [{"kind": "file", "path": "-", "line": 2, "column": 3, "offset": 4}]
    assert (result.returncode, summary(result)["bytes"]) == (1, 44)


def test_a_token_far_into_standard_input_has_its_line(unleak):
    result = unleak("scan", "-", "--format", "jsonl", stdin=b"0123456\n" * 500_000 + mint(1))
    (finding,) = findings(result)
    assert finding["locations"][0] | {"line": 500_001, "column": 1, "offset": 4_000_000} == finding["locations"][0]
    assert summary(result)["bytes"] == 4_000_040


def test_a_closed_standard_input_is_one_line_and_2(tmp_path):
    done = subprocess.run(f"{UNLEAK} scan - <&-", shell=True, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"unleak: -: standard input is closed\n")


def test_lookalikes_and_documentation_examples_fail_nothing(unleak, tmp_path):
    lines = [lookalike(seed).decode() for seed in range(100)] + [text for p in BY_ID.values() for text in p.negative]
    (tmp_path / "a").write_text("\n".join(lines))
    result = unleak("scan")
    assert (result.returncode, result.stdout) == (0, b"")
    assert b"look-alikes with a failed check" in result.stderr
    shown = unleak("scan", "--include-failed", "--format", "jsonl")
    assert shown.returncode == 0
    assert {finding["check"] for finding in findings(shown)} == {"failed"}
    assert len(findings(shown)) >= 100


def test_json_is_one_object_with_findings_and_summary(unleak, tmp_path):
    (tmp_path / "a").write_bytes(mint(1) + mint(2))
    document = json.loads(unleak("scan", "--format", "json").stdout)
    assert document["schema"] == 1
    assert [finding["type"] for finding in document["findings"]] == ["finding", "finding"]
    assert document["summary"]["findings"] == 2


def test_an_output_file_is_written_whole_and_stdout_stays_empty(unleak, tmp_path):
    (tmp_path / "a").write_bytes(mint(1))
    result = unleak("scan", "a", "--format", "json", "-o", "report.json")
    assert (result.returncode, result.stdout) == (1, b"")
    assert json.loads((tmp_path / "report.json").read_bytes())["summary"]["findings"] == 1
    assert sorted(os.listdir(tmp_path)) == ["a", "report.json"]


@pytest.mark.parametrize("path", ["no/such/report", "."])
def test_an_output_file_that_cannot_be_written_is_one_line_and_2(unleak, path):
    result = unleak("scan", "-o", path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"unleak: -o {path}: ".encode())
    assert b"defect" not in result.stderr


def test_an_output_that_is_no_file_is_written_to_and_not_replaced(unleak, tmp_path):
    (tmp_path / "a").write_bytes(mint(1))
    (tmp_path / "real").write_text("older")
    (tmp_path / "link").symlink_to("real")
    assert unleak("scan", "a", "-o", "link").returncode == 1
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes().startswith("ghp_…".encode())
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert unleak("scan", "a", "-o", "fifo").returncode == 1
    assert os.read(reader, 100).startswith("ghp_…".encode())
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_no_history_and_history_only_exclude_each_other_wherever_they_come_from(unleak):
    assert unleak("scan", "--no-history", "--history-only").returncode == 2
    result = unleak("scan", "--history-only", env={"UNLEAK_NO_HISTORY": "1"})
    assert result.returncode == 2
    assert result.stderr.startswith(b"unleak: --no-history and --history-only ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_makes_the_scan_incomplete_and_is_named(unleak, tmp_path):
    (tmp_path / "closed").write_bytes(mint(1))
    (tmp_path / "closed").chmod(0)
    result = unleak("scan")
    assert result.returncode == 4
    assert b"failed: closed: Permission denied" in result.stderr


def test_a_file_that_cannot_be_read_makes_the_scan_incomplete_and_is_named(unleak, tmp_path):
    # Root reads every file that a test can make, but nobody reads this one.
    unreadable = "/proc/self/mem"
    result = unleak("scan", unreadable, "--format", "jsonl")
    assert result.returncode == 4
    assert b"failed: /proc/self/mem: " in result.stderr
    assert summary(result)["complete"] is False
    (tmp_path / "a").write_bytes(mint(1))
    assert unleak("scan", unreadable, "a").returncode == 5


def test_fifos_and_sockets_are_declined_and_named_and_strict_makes_them_count(unleak, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        result = unleak("scan")
        strict = unleak("scan", "--strict")
    assert result.returncode == 0
    assert b"declined: fifo: a FIFO, socket or device" in result.stderr
    assert b"declined: socket: a FIFO, socket or device" in result.stderr
    assert strict.returncode == 4


def test_a_missing_target_is_2_before_anything_is_read(unleak, tmp_path):
    (tmp_path / "a").write_bytes(mint(1))
    result = unleak("scan", "a", "nowhere")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == b"unleak: nowhere: no such file or directory\n"


def test_a_reader_that_leaves_early_changes_neither_verdict_nor_silence(tmp_path):
    (tmp_path / "all").write_bytes(b"\n".join(map(mint, range(5000))))
    pipe = subprocess.PIPE
    with subprocess.Popen([UNLEAK, "scan", "all"], cwd=tmp_path, stdout=pipe, stderr=pipe) as process:
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert b"Traceback" not in errors and b"Broken" not in errors


@pytest.mark.parametrize(("fail_on", "local", "exposed"), [("exposed", 0, 1), ("any", 1, 1), ("never", 0, 0)])
def test_fail_on_decides_what_fails(unleak, tmp_path, fail_on, local, exposed):
    repo = Repo(tmp_path / "r")
    repo.commit(a="clean")
    repo.write(".env", mint(1))
    assert unleak("scan", "r", "--fail-on", fail_on).returncode == local
    repo.write("a", mint(2))
    assert unleak("scan", "r", "--fail-on", fail_on).returncode == exposed


def test_what_is_ignored_untracked_or_in_the_git_config_is_local(unleak, tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(__gitignore=".env", a="clean")
    repo.write(".env", mint(1))
    repo.write("untracked", mint(2))
    repo.git("config", "remote.origin.url", f"https://x:{mint(3).decode()}@example.com/r")
    result = unleak("scan", "r", "--format", "jsonl")
    assert result.returncode == 0
    assert {finding["fingerprint"]: finding["exposure"] for finding in findings(result)} == {
        finding["fingerprint"]: "local" for finding in findings(result)
    }
    assert len(findings(result)) == 3
    assert b"3 of them local" in result.stderr


def test_a_credential_store_outside_a_repository_is_local(unleak, tmp_path):
    (tmp_path / ".netrc").write_bytes(b"machine github.com password " + mint(1))
    (tmp_path / "gh").mkdir()
    (tmp_path / "gh" / "hosts.yml").write_bytes(b"oauth_token: " + mint(2, "github-oauth"))
    (tmp_path / "notes").write_bytes(mint(3))
    result = unleak("scan", "--format", "jsonl")
    assert {finding["locations"][0]["path"]: finding["exposure"] for finding in findings(result)} == {
        ".netrc": "local",
        "gh/hosts.yml": "local",
        "notes": "file",
    }


def test_a_deleted_token_is_found_with_commit_and_path(unleak, tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(a="clean")
    repo.write("src/config.py", b"\nTOKEN = '" + mint(1) + b"'\n")
    leak = repo.commit("leak")
    repo.git("rm", "-q", "src/config.py")
    repo.commit("remove it")
    repo.git("gc", "-q")
    (finding,) = findings(unleak("scan", "r", "--format", "jsonl"))
    assert finding["exposure"] == "committed"
    (place,) = finding["locations"]
    assert place == place | {
        "kind": "commit",
        "repository": str(tmp_path / "r"),
        "commit": leak,
        "path": "src/config.py",
        "line": 2,
        "column": 10,
        "author": "A. U. Thor <author@example.com>",
    }
    assert findings(unleak("scan", "r", "--format", "jsonl", "--no-history")) == []


def test_history_only_reads_no_file(unleak, tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(a=mint(1))
    repo.write("b", mint(2))
    (tmp_path / "c").write_bytes(mint(3))
    result = unleak("scan", "--history-only", "--format", "jsonl")
    assert [finding["redacted"][-4:].encode() for finding in findings(result)] == [mint(1)[-4:]]
    assert summary(result)["files"] < 40


def test_a_staged_token_is_staged_until_it_is_committed(unleak, tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit(a="clean")
    repo.write("b", mint(1))
    repo.git("add", "b")
    (finding,) = findings(unleak("scan", "r", "--format", "jsonl"))
    assert finding["exposure"] == "staged"
    repo.git("commit", "-qm", "now it is out")
    (finding,) = findings(unleak("scan", "r", "--format", "jsonl"))
    assert finding["exposure"] == "committed"


def test_nested_repositories_are_each_read_with_their_history(unleak, tmp_path):
    for name in ("outer", "outer/inner", "outer/vendor/deep"):
        repo = Repo(tmp_path / name)
        repo.write("f", mint(name))
        repo.git("add", "f")
        repo.git("commit", "-qm", "leak")
        repo.git("rm", "-q", "f")
        repo.git("commit", "-qm", "gone")
    repositories = {finding["locations"][0]["repository"] for finding in findings(unleak("scan", "--format", "jsonl"))}
    assert repositories == {str(tmp_path / name) for name in ("outer", "outer/inner", "outer/vendor/deep")}


def test_an_interrupt_ends_with_130():
    pipe = subprocess.PIPE
    with subprocess.Popen([UNLEAK, "scan", "-"], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        process.stdin.write(b"x" * 100_000)  # more than a pipe holds: when this returns, the scan has begun to read
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == 130
    assert errors == b"unleak: interrupted\n"


def test_targets_that_overlap_are_read_once(unleak, tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").write_bytes(mint(1))
    (tmp_path / "link").symlink_to("d")
    for targets in (
        ["d", "d/e/f"],
        ["d/e/f", "d"],
        ["d", "d"],
        ["d", "./d/e"],
        ["d", "link"],
        ["d/e/f", str(tmp_path)],
    ):
        (finding,) = findings(unleak("scan", *targets, "--format", "jsonl"))
        assert finding["locations_total"] == 1, targets


def test_a_git_directorys_own_file_is_local_however_it_is_named(unleak, tmp_path):
    repo = Repo(tmp_path / "r")
    repo.commit()
    repo.git("config", "a.b", mint(1).decode())
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    repo.git("config", "--file", str(tmp_path / "bare" / "config"), "a.b", mint(1).decode())
    for target in ("r/.git/config", "bare/config", "bare", "r", "r/.git"):
        result = unleak("scan", target, "--format", "jsonl")
        assert [finding["exposure"] for finding in findings(result)] == ["local"], target
        assert result.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which workers there are: run this on Linux")
@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_a_scan_that_is_killed(tmp_path, kill):
    for number in range(600):
        (tmp_path / f"{number}").write_bytes(b"x")
    with (tmp_path / "long").open("wb") as file:
        file.truncate(20 << 30)  # sparse: long enough to be killed in
    with subprocess.Popen([UNLEAK, "scan", "--jobs", "2"], cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while len(workers := children(process.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(workers) == 2
        process.send_signal(kill)
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, workers))


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
