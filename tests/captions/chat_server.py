"""A real server on this machine that speaks OpenAI's chat API, with answers that a test chooses."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Reply = tuple[int, dict[str, str], Any]
"""Status, headers, and a body: bytes as they are, anything else as JSON."""


def completion(text: str, *, finish: str = "stop", tokens: tuple[int, int] = (100, 12)) -> Reply:
    """A chat completion that says the text."""
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return 200, {}, {"choices": [choice], "usage": usage}


def image_of(request: dict[str, Any]) -> Image.Image:
    """The picture in a question."""
    (part,) = [part for part in request["messages"][0]["content"] if part["type"] == "image_url"]
    kind, _, data = part["image_url"]["url"].partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(data)))


def question_of(request: dict[str, Any]) -> str:
    """The words of a question."""
    return "".join(part.get("text", "") for part in request["messages"][0]["content"])


class ChatServer:
    """Counts and keeps what it is asked; `answer` makes a reply of a request's JSON."""

    def __init__(self, answer: Callable[[dict[str, Any]], Reply]) -> None:
        self.answer = answer
        self.models = ["seer"]
        self.before_listing: Callable[[], object] = lambda: None
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.before_listing()
                self._reply((200, {}, {"data": [{"id": name} for name in server.models]}))

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with server._lock:
                    server.requests.append(request)
                    server.headers.append(dict(self.headers))
                    server.at_once += 1
                    server.most_at_once = max(server.most_at_once, server.at_once)
                try:
                    self._reply(server.answer(request))
                finally:
                    with server._lock:
                        server.at_once -= 1

            def _reply(self, reply: Reply) -> None:
                status, headers, body = reply
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                # Clients that were stopped or lost patience have hung up.
                with suppress(ConnectionError):
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Tests read what the client says, not this."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}/v1"

    @contextmanager
    def running(self) -> Iterator[ChatServer]:
        thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()
