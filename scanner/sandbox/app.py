"""The rules as an ASGI application, on Starlette's requests and responses; and the faults that are asked for."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scanner.sandbox.api import Api, Verdict
from scanner.sandbox.call import Call
from scanner.sandbox.connections import Connections
from scanner.sandbox.faults import Cut, Fault
from scanner.sandbox.received import Receipts, Received

_SEEN: Final = 0.05  # seconds until a client has surely read what was sent before a reset


def create_app(api: Api, receipts: Receipts, faults: Iterator[Fault | None], connections: Connections) -> ASGIApp:
    """The application. It has no routes: what is known at which path is a rule like the others.

    Args:
        api: The rules.
        receipts: Where each request is kept, before its answer goes out.
        faults: What goes wrong, one for each ``POST``.
        connections: The connections that requests come in by.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        fault = next(faults) if scope["method"] == "POST" else None
        if fault and fault.cut in {Cut.BEFORE_BODY, Cut.IN_BODY}:
            if fault.cut is Cut.IN_BODY:
                await receive()
            await _reset(connections, scope, receive)
            return
        try:
            call = await _call(Request(scope, receive))
        except ClientDisconnect:
            return
        verdict = api.answer(call, fault.answer if fault else None)
        received = receipts.add(call, verdict.answer.status, verdict.caller)
        response = Response(verdict.answer.content, verdict.answer.status, _headers(verdict, received))
        if fault is None or verdict.standing.exceeded:
            await response(scope, receive, send)
            return
        if fault.cut is not Cut.BEFORE_ANSWER and not await _left(receive, fault.delay):
            await _send(response, fault, receive, send)
        if fault.cut is not Cut.NOWHERE:
            await _reset(connections, scope, receive)

    return app


async def _send(response: Response, fault: Fault, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    content = bytes(response.body)
    if fault.cut is Cut.IN_ANSWER:
        await send(_piece(content[:1], more=True))
        await asyncio.sleep(_SEEN)
        return
    pieces = [content[place : place + 1] for place in range(len(content))] if fault.pause else [content]
    for piece in pieces:
        if await _left(receive, fault.pause):
            return
        await send(_piece(piece, more=True))
    await send(_piece(b"", more=False))


def _piece(content: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def _reset(connections: Connections, scope: Scope, receive: Receive) -> None:
    connections.reset(scope["client"])
    while (await receive())["type"] != "http.disconnect":
        pass  # what had come in already


async def _left(receive: Receive, seconds: float) -> bool:
    """Whether the client goes away within so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return bool((await receive())["type"] == "http.disconnect")
    return False


async def _call(request: Request) -> Call:
    return Call(
        method=request.method,
        path=request.scope["path"],
        client=request.client.host if request.client else "",
        headers=dict(request.headers),
        body=await request.body(),
    )


def _headers(verdict: Verdict, received: Received) -> dict[str, str]:
    return {
        # The clock's time and not the server's: a client measures how long to wait from one to the other.
        "date": formatdate(received.time.timestamp(), usegmt=True),
        "content-type": "application/json; charset=utf-8",
        "x-github-request-id": f"SANDBOX:{received.sequence:06X}",
        **verdict.standing.headers(),
        **verdict.answer.headers,
    }
