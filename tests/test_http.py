import logging
import socket
import ssl
import subprocess
import threading

import pytest
from minting import mint
from scripted import ACCEPTED, DROP, answering, error

from scanner.errors import RevokeError, UsageError
from scanner.http import Reply, Route, Silence, anonymous

PATH = "/credentials/revoke"
BODY = b'{"credentials":[]}'


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://user@api.github.com", "user name"),
        ("https://user:password@api.github.com", "user name"),
        ("http://:password@127.0.0.1:8000", "user name"),
        ("http://api.github.com", "in the clear"),
        ("https://api.github.com.evil.example", "loopback addresses only"),
        ("https://evil.example", "loopback addresses only"),
        ("https://api.octocorp.ghe.com", "loopback addresses only"),
        ("https://api.github.com:8443", "loopback addresses only"),
        ("http://192.0.2.1", "in the clear"),
        ("user:password@127.0.0.1", "no URL"),
        ("user:password%40127.0.0.1", "no URL"),
        ("http://user:pass/password@127.0.0.1", "no URL"),
        ("http://127.0.0.1:80/password@127.0.0.1", "path"),
        ("https://api.github.com/graphql", "path"),
        ("https://api.github.com/?x=1", "query"),
        ("ftp://127.0.0.1", "neither http nor https"),
        ("api.github.com", "no URL"),
        ("http://127.0.0.1:port", "no URL"),
        ("https:///credentials", "no URL"),
        ("", "no URL"),
    ],
)
def test_an_address_that_secrets_must_not_go_to_is_refused(url, why):
    with pytest.raises(UsageError, match=why) as caught:
        anonymous(url)
    assert "password" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://api.github.com",
        "https://api.github.com/",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
    ],
)
def test_githubs_address_and_loopback_are_taken(url):
    assert anonymous(url).url == url.rstrip("/")


def test_localhost_is_this_machine_whatever_its_name_leads_to():
    with answering(ACCEPTED) as server:
        http = anonymous(server.url.replace("127.0.0.1", "LocalHost"))
        assert http.url == server.url
        assert isinstance(http.post(PATH, BODY), Reply)


def test_nothing_of_the_environment_creeps_in(tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login thief password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://thief:hunter2@127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", str(netrc))
    with answering((202, {"Set-Cookie": "session=1"}, b"")) as server:
        http = anonymous(server.url)
        for _ in range(2):
            assert isinstance(http.post(PATH, BODY), Reply)
    for _, headers, _ in server.requests:
        assert not {"authorization", "proxy-authorization", "cookie"} & headers.keys()
        assert headers["user-agent"].startswith("unleak/")
        assert headers["x-github-api-version"] == "2026-03-10"
        assert headers["accept"] == "application/vnd.github+json"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_answer_and_the_body_goes_nowhere_else(status):
    with answering(ACCEPTED) as elsewhere, answering((status, {"Location": f"{elsewhere.url}{PATH}"}, b"")) as server:
        reply = anonymous(server.url).post(PATH, BODY)
    assert isinstance(reply, Reply)
    assert reply.status == status
    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


@pytest.mark.parametrize("name", ["Authorization", "Cookie", "Proxy-Authorization"])
def test_a_request_that_would_carry_what_it_must_not_is_not_sent(monkeypatch, name):
    monkeypatch.setitem(anonymous.__globals__["_HEADERS"], name, "x")
    with answering(ACCEPTED) as server, pytest.raises(RevokeError, match=name.lower()):
        anonymous(server.url).post(PATH, BODY)
    assert not server.requests


def test_where_nobody_listens_nothing_was_sent():
    with answering(ACCEPTED) as server:
        url = server.url
    assert anonymous(url).post(PATH, BODY) is Silence.UNREACHABLE


def test_a_connection_that_breaks_off_leaves_everything_open():
    with answering(DROP) as server:
        assert anonymous(server.url).post(PATH, BODY) is Silence.BROKEN_OFF
        assert len(server.requests) == 1


def test_an_answer_that_takes_too_long_is_not_waited_for(monkeypatch):
    monkeypatch.setitem(anonymous.__globals__, "_TIMEOUT", 0.2)
    ended = threading.Event()

    def never(_number, _credentials):
        ended.wait(30)
        return DROP

    with answering(never) as server:
        assert anonymous(server.url).post(PATH, BODY) is Silence.TIMED_OUT
        ended.set()


def test_an_answer_whose_status_came_is_an_answer_even_if_its_body_does_not():

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf")

        thread = threading.Thread(target=serve)
        thread.start()
        reply = anonymous(f"http://127.0.0.1:{listener.getsockname()[1]}").post(PATH, BODY)
        thread.join()
    assert isinstance(reply, Reply)
    assert reply.status == 202


def test_no_more_than_the_beginning_of_a_huge_answer_is_read():
    with answering((422, {}, b"x" * 10_000_000)) as server:
        reply = anonymous(server.url).post(PATH, BODY)
    assert isinstance(reply, Reply)
    assert len(reply.body) == 65_536


def test_nothing_of_a_request_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    token = mint("logged").decode()
    with answering(error(422, f"bad item {token}")) as server:
        reply = anonymous(server.url).post(PATH, f'{{"credentials":["{token}"]}}'.encode())
    assert not [record for record in caplog.records if record.name.startswith(("httpx", "httpcore"))]
    assert token not in caplog.text + repr(reply)


def test_a_proxy_is_used_when_it_is_named_and_never_for_loopback_by_a_variable(monkeypatch):
    with answering(ACCEPTED) as proxy, answering(ACCEPTED) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        anonymous(server.url).post(PATH, BODY)
        assert (len(proxy.requests), len(server.requests)) == (0, 1)
        anonymous(server.url, Route(proxy=proxy.url)).post(PATH, BODY)
        assert [path for path, _, _ in proxy.requests] == [server.url + PATH]
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("variables", "used"),
    [
        ({"HTTPS_PROXY": "http://127.0.0.1:{port}"}, True),
        ({"https_proxy": "http://127.0.0.1:{port}"}, True),
        ({"HTTPS_PROXY": "http://127.0.0.1:{port}", "NO_PROXY": "api.github.com"}, False),
        ({"HTTP_PROXY": "http://127.0.0.1:{port}"}, False),
        ({"ALL_PROXY": "http://127.0.0.1:{port}"}, False),
    ],
)
def test_the_usual_variables_name_the_proxy_on_the_way_to_github(monkeypatch, variables, used):
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(port=3128))
    proxy = anonymous()._proxy
    assert (proxy is not None) == used
    assert not used or str(proxy.url) == "http://127.0.0.1:3128"


@pytest.mark.parametrize("proxy", ["proxy.example", "gopher://proxy.example", "http://[::1"])
def test_a_proxy_that_is_none_is_a_mistake(proxy):
    with pytest.raises(UsageError, match="--proxy"):
        anonymous(route=Route(proxy=proxy))


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"no certificate", "no certificates")])
def test_a_ca_bundle_that_is_none_is_a_mistake(tmp_path, content, why):
    path = tmp_path / "ca.pem"
    if content:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=why):
        anonymous(route=Route(ca_bundle=str(path)))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key, name = path.with_name("key.pem"), "/CN=127.0.0.1"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", name]
    words += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return str(path)


def test_tls_is_always_verified_against_the_bundle_that_is_named(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with answering(ACCEPTED, tls=context) as server:
        assert anonymous(server.url).post(PATH, BODY) is Silence.UNREACHABLE
        assert not server.requests
        reply = anonymous(server.url, Route(ca_bundle=certificate)).post(PATH, BODY)
        assert isinstance(reply, Reply)
        assert len(server.requests) == 1


def test_where_no_tls_is_spoken_nothing_is_sent():
    with answering(ACCEPTED) as server:
        assert anonymous(server.url.replace("http:", "https:")).post(PATH, BODY) is Silence.UNREACHABLE
        assert not server.requests
