"""The connections that requests come in by, so that one can be reset under its client."""

import asyncio
import socket
import struct
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

_AT_ONCE: Final = struct.pack("ii", 1, 0)  # linger for no time: close with a reset


class Connections:
    """Open connections, by the address of their client."""

    def __init__(self) -> None:
        self._open: Final[dict[tuple[str, int], asyncio.Transport]] = {}

    def protocol(self) -> type[H11Protocol]:
        """The protocol of uvicorn, which notes here what it opens and closes."""
        opened = self._open

        class Noting(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                if self.client:
                    opened[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                if self.client:
                    opened.pop(self.client, None)
                super().connection_lost(exc)

        return Noting

    def reset(self, client: Any) -> None:
        """Reset the connection of a client: what a network does that breaks.

        Args:
            client: Host and port, as an ASGI scope has them.
        """
        transport = self._open.pop(tuple(client))
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()
