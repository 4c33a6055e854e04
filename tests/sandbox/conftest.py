import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from scanner.sandbox import running

AGENT = {"User-Agent": "unleak-tests"}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Asking:
    """Plain requests over real sockets, with only the headers that a test names."""

    def __init__(self, url):
        self.url = url

    def __call__(self, method, path, body=None, headers=AGENT):
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def submit(self, *credentials, headers=AGENT):
        texts = [one.decode() if isinstance(one, bytes) else one for one in credentials]
        return self("POST", "/credentials/revoke", {"credentials": texts}, headers)

    def enterprise(self, path, token="sandbox-owner", body=None):
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return self("POST", f"/enterprises/{path}", body, {**AGENT, **authorization})


class Clock:
    """A clock that only a test moves."""

    def __init__(self):
        self.now = 1_800_000_000.5

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="module")
def sandbox():
    """One for a whole module, with a limit that its tests do not reach."""
    with running(limit=1_000_000) as it:
        yield it


@pytest.fixture(scope="module")
def ask(sandbox):
    return Asking(sandbox.url)


@pytest.fixture
def asking():
    """Makes an asker for a sandbox of the test's own."""
    return lambda sandbox: Asking(sandbox.url)
