"""The rules as an ASGI application, on Starlette's requests and responses."""

from email.utils import formatdate

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scanner.sandbox.api import Api, Verdict
from scanner.sandbox.call import Call
from scanner.sandbox.received import Receipts, Received


def create_app(api: Api, receipts: Receipts) -> ASGIApp:
    """The application. It has no routes: what is known at which path is a rule like the others.

    Args:
        api: The rules.
        receipts: Where each request is kept, before its answer goes out.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            call = await _call(Request(scope, receive))
        except ClientDisconnect:
            return
        verdict = api.answer(call)
        received = receipts.add(call, verdict.answer.status, verdict.caller)
        response = Response(verdict.answer.content, verdict.answer.status, _headers(verdict, received))
        await response(scope, receive, send)

    return app


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
