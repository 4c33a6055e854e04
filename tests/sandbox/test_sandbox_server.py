import gc
import json
import socket
import stat
import subprocess
import sys
import threading

import pytest
from minting import mint

from scanner.errors import UnleakError, UsageError
from scanner.sandbox import running
from scanner.secret import fingerprint

AGENT = {"User-Agent": "unleak-tests"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", "example.org", ""])
def test_an_address_that_is_not_loopback_is_refused(host):
    with pytest.raises(UsageError, match="loopback") as refused, running(host=host):
        pass
    assert refused.value.hint == "use 127.0.0.1 or ::1"


def test_it_serves_on_ipv6_too(asking):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        with pytest.raises(UnleakError), running(host="::1"):
            pass
        return
    with running(host="::1") as sandbox:
        assert sandbox.url.startswith("http://[::1]:")
        assert asking(sandbox).submit("x").status == 202


def test_a_port_that_is_taken_is_an_error_with_a_way_out():
    with running() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(UnleakError, match=f"port {port}: Address already in use") as taken, running(port=port):
            pass
    assert "--port 0" in taken.value.hint


def test_it_leaves_no_thread_no_socket_and_no_listener_behind(asking):
    before = threading.enumerate()
    idle = socket.socket()
    with running() as sandbox:
        host, port = "127.0.0.1", int(sandbox.url.rpartition(":")[2])
        idle.connect((host, port))  # a client that never says a word
        asking(sandbox).submit("x")
    assert threading.enumerate() == before
    with idle, pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port))
    gc.collect()  # a socket left open would warn here, which is an error


def test_it_ends_while_a_client_is_stuck_inside_a_body(asking):
    with socket.socket() as stuck, running() as sandbox:
        stuck.connect(("127.0.0.1", int(sandbox.url.rpartition(":")[2])))
        stuck.sendall(b'POST /credentials/revoke HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"credent')
        assert asking(sandbox).submit("x").status == 202  # by now the stuck one has been read
    assert [one.status for one in sandbox.received] == [202]


def test_two_run_side_by_side_and_know_nothing_of_each_other(asking):
    with running() as one, running() as other:
        asking(one).submit("x")
        assert (len(one.received), len(other.received)) == (1, 0)


def test_it_ends_at_once_when_its_context_raises():
    with pytest.raises(KeyError), running():
        raise KeyError


def test_a_client_that_hangs_up_inside_the_body_is_no_request(asking):
    with running() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b'POST /credentials/revoke HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"credent')
        assert asking(sandbox).submit("x").status == 202
        assert [one.status for one in sandbox.received] == [202]


def test_the_log_holds_each_request_as_a_line_and_never_a_token(asking, tmp_path, clock):
    log = tmp_path / "received.jsonl"
    tokens = [mint(number).decode() for number in range(3)]
    with running(log=log, clock=clock) as sandbox:
        ask = asking(sandbox)
        ask.submit(*tokens)
        first = log.read_bytes()
        ask("POST", f"/{tokens[0]}?q={tokens[1]}", None, {**AGENT, "Authorization": tokens[2], tokens[0]: tokens[1]})
        ask("POST", "/gh%70_" + tokens[0][4:], f'["{tokens[0]}'.encode())
        received = sandbox.received
    assert json.loads(first) == {
        "type": "received",
        "schema": 1,
        "sequence": 1,
        "time": "2027-01-15T08:00:00.500000Z",
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/credentials/revoke",
        "headers": ["accept-encoding", "content-length", "host", "user-agent"],
        "caller": None,
        "status": 202,
        "credentials": 3,
        "fingerprints": [fingerprint(token.encode()) for token in tokens],
    }
    text = log.read_text()
    assert len(text.splitlines()) == 3
    for token in tokens:
        # In any case: the names of headers come in lower case.
        assert token[4:].lower() not in text.lower()
        assert token[4:].lower() not in str(received).lower()
    assert "authorization" in received[1].headers


def test_a_log_is_appended_to(asking, tmp_path):
    log = tmp_path / "received.jsonl"
    for _ in range(2):
        with running(log=log) as sandbox:
            asking(sandbox).submit("x")
    assert len(log.read_bytes().splitlines()) == 2


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(UnleakError, match="Is a directory"), running(log=tmp_path):
        pass
    assert stat.S_ISDIR(tmp_path.stat().st_mode)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(missing):
    script = f"""if True:
        import sys
        sys.modules[{missing!r}] = None
        from scanner.errors import UnleakError
        try:
            import scanner.sandbox
        except UnleakError as error:
            print(error.message, "/", error.hint)
    """
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == f"the sandbox needs {missing} / pip install 'unleak[sandbox]'\n"
