"""The only importer of httpx: requests that carry nothing but what they are given."""

import asyncio
import ipaddress
import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed

import httpx

from scanner import __version__
from scanner.errors import RevokeError, UsageError
from scanner.secret import Secret, redact

API: Final = "https://api.github.com"
"""Where GitHub answers. Leaked secrets go nowhere but here and to loopback."""

_PUBLIC: Final = re.compile(r"api\.github\.com")
_WITH_RESIDENCY: Final = re.compile(r"api\.github\.com|api\.[a-z0-9-]+\.ghe\.com")

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


@dataclass(frozen=True, slots=True)
class Route:
    """How an address is reached.

    Attributes:
        proxy: A proxy's URL; None takes the usual variables, ``HTTPS_PROXY`` and ``NO_PROXY``, which loopback ignores.
        ca_bundle: A file of certificates to trust instead of the public ones. TLS is always verified.
    """

    proxy: str | None = None
    ca_bundle: str | None = None


DIRECT: Final = Route()


class _Sender:
    """Sends without cookies, redirects or retries, and only what it is given.

    Attributes:
        url: The API's address.
    """

    _forbidden: tuple[str, ...] = _FORBIDDEN

    def __init__(self, url: httpx.URL, route: Route, authorization: str | None = None) -> None:
        self.url: Final = str(url).rstrip("/")
        self._host: Final = url.host
        self._headers: Final = _HEADERS | ({"Authorization": authorization} if authorization else {})
        self._proxy: Final = _proxy(url, route)
        self._trust: Final = _trust(route.ca_bundle)

    def post(self, path: str, body: bytes) -> Reply | Silence:
        """Send a body of JSON, once.

        Args:
            path: Below the API's address, from its slash on.
            body: JSON.

        Raises:
            RevokeError: The request would have carried what it must not; nothing was sent.
        """
        return asyncio.run(self._send("POST", path, body))

    def get(self, path: str) -> Reply | Silence:
        """Ask, once.

        Args:
            path: Below the API's address, from its slash on.

        Raises:
            RevokeError: The request would have carried what it must not; nothing was sent.
        """
        return asyncio.run(self._send("GET", path, None))

    async def _send(self, method: str, path: str, body: bytes | None) -> Reply | Silence:
        timeout = httpx.Timeout(_TIMEOUT, connect=_CONNECT_TIMEOUT)
        async with httpx.AsyncClient(
            headers=self._headers,
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            proxy=self._proxy,
            verify=self._trust,
            event_hooks={"request": [self._check]},
        ) as client:
            reply: Reply | None = None
            try:
                # httpx's own time-outs begin anew with every byte that comes.
                async with asyncio.timeout(_TIMEOUT), client.stream(method, self.url + path, content=body) as response:
                    reply = Reply(response.status_code, _lower(response.headers))
                    return Reply(reply.status, reply.headers, await _beginning(response))
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
                return Silence.UNREACHABLE
            except (httpx.TimeoutException, TimeoutError):
                return reply or Silence.TIMED_OUT
            except httpx.HTTPError:
                return reply or Silence.BROKEN_OFF

    async def _check(self, request: httpx.Request) -> None:
        carried = [name for name in self._forbidden if name in request.headers]
        if carried:
            raise RevokeError(f"the request would carry {', '.join(carried)}: nothing was sent")
        if request.url.host != self._host or request.url.userinfo:
            raise RevokeError("the request would go to another address: nothing was sent")


class Anonymous(_Sender):
    """Sends without authentication."""


class Authenticated(_Sender):
    """Sends with a token, which is kept nowhere else."""

    _forbidden = tuple(name for name in _FORBIDDEN if name != "authorization")


def anonymous(api_url: str = API, route: Route = DIRECT) -> Anonymous:
    """What sends leaked secrets to an address of GitHub's API.

    Args:
        api_url: ``https://api.github.com``, or any loopback address, for a sandbox.
        route: How to get there.

    Raises:
        UsageError: The address is another one, or says more than where to.
    """
    return Anonymous(_address(api_url, _PUBLIC), route)


def authenticated(token: Secret, api_url: str = API, route: Route = DIRECT) -> Authenticated:
    """What calls an address of GitHub's API in somebody's name.

    Args:
        token: Whose token.
        api_url: As for ``anonymous``, or ``https://api.SUBDOMAIN.ghe.com``.
        route: How to get there.

    Raises:
        UsageError: The address is another one, or says more than where to; or the token is no token.
    """
    try:
        text = token.reveal().decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or " " in text:
        raise UsageError("the calling token is empty, or has spaces or letters that no token has")
    return Authenticated(_address(api_url, _WITH_RESIDENCY), route, f"Bearer {text}")


def _address(api_url: str, allowed: re.Pattern[str]) -> httpx.URL:
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
    elif not allowed.fullmatch(url.host) or url.port is not None:
        raise _refused(api_url, "secrets are sent to api.github.com and to loopback addresses only")
    return url


def _proxy(url: httpx.URL, route: Route) -> httpx.Proxy | None:
    given = route.proxy
    if given is None and not _is_loopback(url.host) and not proxy_bypass_environment(url.host):
        given = getproxies_environment().get(url.scheme)
    if not given:
        return None
    try:
        return httpx.Proxy(given)
    except (httpx.InvalidURL, ValueError):
        raise UsageError("--proxy: it is no URL of a proxy", "It looks like http://proxy.example:3128.") from None


def _trust(bundle: str | None) -> ssl.SSLContext:
    if bundle is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:  # of which ssl.SSLError is one
        why = "no certificates are in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"--ca-bundle {redact(bundle)}: {why}") from None


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
