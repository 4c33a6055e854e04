"""The only importer of httpx: requests that carry nothing but what they are given."""

import asyncio
import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import httpx

from scanner import __version__
from scanner.errors import RevokeError, UsageError
from scanner.secret import redact

API: Final = "https://api.github.com"
"""Where GitHub answers. Nothing but this and loopback is ever called."""

_VERSION: Final = "2026-03-10"
_HEADERS: Final = {
    "Accept": "application/vnd.github+json",
    "Accept-Encoding": "identity",  # a compressed answer could be of any size
    "Content-Type": "application/json",
    "User-Agent": f"unleak/{__version__}",
    "X-GitHub-Api-Version": _VERSION,
}
_FORBIDDEN: Final = ("authorization", "proxy-authorization", "cookie")
_USER: Final = re.compile(r".*(@|%40)", re.DOTALL)  # wherever a name and a password can be, in a URL or in none
_TIMEOUT: Final = 10.0  # seconds for all of a request; GitHub itself cuts off what takes longer
_CONNECT_TIMEOUT: Final = 5.0  # seconds; shorter, so that a time-out before anything was sent can be told
_MOST: Final = 65_536  # bytes of an answer that are read


class Silence(StrEnum):
    """Why there is no answer."""

    UNREACHABLE = "unreachable"  # no connection was made: nothing was sent
    TIMED_OUT = "timed out"
    BROKEN_OFF = "broken off"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        status: The HTTP status.
        headers: By lower-case name.
        body: Its first 65,536 bytes, or as many as came. It may quote what was sent: never shown as it is.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = field(default=b"", repr=False)


class Anonymous:
    """Sends without authentication, cookies, proxies, redirects or retries.

    Attributes:
        url: The API's address.
    """

    def __init__(self, url: httpx.URL) -> None:
        self.url: Final = str(url).rstrip("/")
        self._host: Final = url.host

    def post(self, path: str, body: bytes) -> Reply | Silence:
        """Send a body of JSON, once.

        Args:
            path: Below the API's address, from its slash on.
            body: JSON.

        Raises:
            RevokeError: The request would have carried what it must not; nothing was sent.
        """
        return asyncio.run(self._post(path, body))

    async def _post(self, path: str, body: bytes) -> Reply | Silence:
        timeout = httpx.Timeout(_TIMEOUT, connect=_CONNECT_TIMEOUT)
        async with httpx.AsyncClient(
            headers=_HEADERS,
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            event_hooks={"request": [self._check]},
        ) as client:
            reply: Reply | None = None
            try:
                # httpx's own time-outs begin anew with every byte that comes.
                async with asyncio.timeout(_TIMEOUT), client.stream("POST", self.url + path, content=body) as response:
                    reply = Reply(response.status_code, _lower(response.headers))
                    return Reply(reply.status, reply.headers, await _beginning(response))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                return Silence.UNREACHABLE
            except (httpx.TimeoutException, TimeoutError):
                return reply or Silence.TIMED_OUT
            except httpx.HTTPError:
                return reply or Silence.BROKEN_OFF

    async def _check(self, request: httpx.Request) -> None:
        carried = [name for name in _FORBIDDEN if name in request.headers]
        if carried:
            raise RevokeError(f"the request would carry {', '.join(carried)}: nothing was sent")
        if request.url.host != self._host or request.url.userinfo:
            raise RevokeError("the request would go to another address: nothing was sent")


def anonymous(api_url: str = API) -> Anonymous:
    """What sends to an address of GitHub's API.

    Args:
        api_url: ``https://api.github.com``, or any loopback address, for a sandbox.

    Raises:
        UsageError: The address is another one, or says more than where to.
    """
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they log each URL and header
    url = _parsed(api_url)
    if url.userinfo:
        raise _refused(api_url, "it holds a user name, which would be sent as authentication")
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise _refused(api_url, "it has a path or a query")
    if _is_loopback(url.host):
        if url.scheme not in {"http", "https"}:
            raise _refused(api_url, "it is neither http nor https")
    elif url.scheme != "https":
        raise _refused(api_url, "secrets are sent in the clear to loopback addresses only: use https")
    elif url.host != "api.github.com" or url.port is not None:
        raise _refused(api_url, "secrets are sent to api.github.com and to loopback addresses only")
    return Anonymous(url)


def _parsed(api_url: str) -> httpx.URL:
    try:
        url = httpx.URL(api_url)
    except (httpx.InvalidURL, ValueError):
        raise _refused(api_url, "it is no URL") from None
    if not url.scheme or not url.host:
        raise _refused(api_url, "it is no URL")
    # That name is this machine, whatever a resolver makes of it.
    return url.copy_with(host="127.0.0.1") if url.host == "localhost" else url


def _refused(shown: str, why: str) -> UsageError:
    shown = _USER.sub("…@", redact(shown))
    return UsageError(f"--api-url {shown}: {why}", f"GitHub's is {API}; 'unleak sandbox' prints its own.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _lower(headers: httpx.Headers) -> Mapping[str, str]:
    return MappingProxyType({name.lower(): value for name, value in headers.items()})


async def _beginning(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) >= _MOST:
            break
    return bytes(body[:_MOST])
