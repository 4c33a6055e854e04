"""A real HTTP server on loopback that answers as a test tells it to."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DROP = "drop"
"""An answer that is none: the connection is closed."""


class Scripted:
    """What the server answers, and what it received.

    Attributes:
        url: Its address.
        answer: Given the number of a request from 0 and its credentials, gives ``(status, headers, body)`` or ``DROP``.
        requests: The path and headers of each request, and its credentials.
    """

    def __init__(self, answer):
        self.url = ""
        self.answer = answer
        self.requests = []

    @property
    def credentials(self):
        return [credentials for _, _, credentials in self.requests]


@contextmanager
def answering(answer, tls=None):
    """Serve for as long as the context lasts. An answer that is no function is given to every request.

    With an ``ssl.SSLContext`` it speaks TLS.
    """
    scripted = Scripted(answer if callable(answer) else lambda _number, _credentials: answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            credentials = json.loads(body)["credentials"] if self.path == "/credentials/revoke" else []
            number = len(scripted.requests)
            scripted.requests.append(
                (self.path, {name.lower(): value for name, value in self.headers.items()}, credentials)
            )
            made = scripted.answer(number, credentials)
            if made == DROP:
                self.close_connection = True
                return
            status, headers, content = made
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def get_request(self):
            connection, address = super().get_request()
            return tls.wrap_socket(connection, server_side=True) if tls else connection, address

        def handle_error(self, *_):
            pass  # a client that does not trust us, or speaks no HTTP

    server = Server(("127.0.0.1", 0), Handler)
    scripted.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ACCEPTED = (202, {}, b"")


def error(status, message, errors=None, headers=None):
    """An answer in the shape of GitHub's errors."""
    body = {"message": message, "documentation_url": "https://docs.github.com/rest"}
    return status, headers or {}, json.dumps(body | ({"errors": errors} if errors else {})).encode()
