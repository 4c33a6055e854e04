"""Submit two credentials to the sandbox, with nothing but the standard library, and see what arrived.

The sandbox answers as GitHub's API does and keeps fingerprints only. Nothing leaves this machine.
"""

import json
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from scanner.sandbox import running

with running() as sandbox, closing(HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10)) as connection:
    body = json.dumps({"credentials": ["not a token", "nor is this"]})
    connection.request("POST", "/credentials/revoke", body, {"User-Agent": "an-example"})
    answer = connection.getresponse()
    print(answer.status, answer.reason, "with", answer.headers["x-ratelimit-remaining"], "requests left this hour")
    for fingerprint in sandbox.received[0].fingerprints:
        print("received", fingerprint)
