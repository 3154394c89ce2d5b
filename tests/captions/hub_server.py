"""A small hub on this machine: files with hashes and ranges, redirects to a store, and whatever goes wrong."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What the hub has, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    """By path, such as OWNER/NAME/resolve/main/model.onnx."""
    lfs: set[str] = field(default_factory=set)
    """Paths that are redirected to another host, and named by their sha256."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes of a body the connection is cut, for one answer after the other."""
    busy: int = 0
    """How many bodies are answered with 503 before the first is sent."""
    wrong: bool = False
    """Send bytes that have not the hash that was named."""
    ranges: bool = True
    hashes: bool = True
    """Name files by their hashes, as the hub does and other servers don't."""
    token: str = ""
    """Without this token everything is forbidden."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, range) of every request."""
    tokens: list[tuple[str, str]] = field(default_factory=list)
    """(path, authorization) of every request that had one."""
    endpoint: str = ""

    def add(self, path: str, content: bytes, *, lfs: bool = False) -> None:
        self.files[path] = content
        if lfs:
            self.lfs.add(path)


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve the hub until the context ends; its endpoint is set."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests read what they need from `asked`."""

        def _answer(self) -> None:
            path, _, _ = self.path.lstrip("/").partition("?")
            hub.asked.append((self.command, path, self.headers.get("Range", "")))
            if authorization := self.headers.get("Authorization"):
                hub.tokens.append((path, authorization))
            stored = path.startswith("store/")
            name = path.removeprefix("store/")
            if hub.token and not stored and self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self._empty(401)
            if name not in hub.files:
                return self._empty(404)
            content = hub.files[name]
            if name in hub.lfs and not stored:
                # The same server by another name, as files lie on other hosts.
                place = f"http://localhost:{self.server.server_address[1]}/store/{name}"
                sha = hashlib.sha256(content).hexdigest()
                etag = f'"{sha if hub.hashes else "1"}"'
                told = {"Location": place, "X-Linked-ETag": etag, "X-Linked-Size": str(len(content))}
                return self._empty(302, {**told, "ETag": '"of the page"', "X-Repo-Commit": COMMIT})
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            etag = '"of the store"' if stored else f'W/"{git}"'
            if hub.busy and self.command == "GET":
                hub.busy -= 1
                return self._empty(503)
            body = bytes(byte ^ 1 for byte in content) if hub.wrong else content
            start = 0
            if hub.ranges and (asked := self.headers.get("Range")):
                start = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", etag)
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                rest = body[start:]
                if hub.cuts:
                    rest = rest[: hub.cuts.pop(0)]
                    self.close_connection = True
                self.wfile.write(rest)
            return None

        def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
