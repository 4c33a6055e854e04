"""The options of every command that reaches GitHub."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scanner.http import Route

_API: Final = "https://api.github.com"  # as in scanner.http, whose import takes a quarter of a second


def add_network(parser: ArgumentParser) -> None:
    """Add them."""
    group = parser.add_argument_group("network")
    group.add_argument("--api-url", default=_API, metavar="URL", help="GitHub's, or a sandbox's; default: %(default)s")
    group.add_argument("--proxy", metavar="URL", help="default: HTTPS_PROXY and NO_PROXY")
    group.add_argument("--ca-bundle", metavar="FILE", help="trust these certificates instead of the public ones")


def route(args: Namespace) -> "Route":
    """What they say of the way."""
    from scanner.http import Route  # noqa: PLC0415 - httpx is not for --help

    return Route(proxy=args.proxy, ca_bundle=args.ca_bundle)
