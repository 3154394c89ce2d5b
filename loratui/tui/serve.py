"""`loratui serve`: the same app in a browser on this machine, for people whose terminal shows no colours."""

from __future__ import annotations

import contextlib
import hmac
import secrets
import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from loratui.errors import ConflictError, MissingFeatureError, UsageError

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.typedefs import Handler, Middleware
    from textual_serve.server import Server

HOST = "127.0.0.1"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def serve(*, port: Annotated[int, Parameter(help="Port on this machine; 0 takes a free one.")] = 8117) -> None:
    """Show the app in a browser on this machine; reach it from elsewhere with `ssh -L`.

    It listens on the loopback address alone, and opens only for the address with the key that it prints.
    """
    if not 0 <= port <= 65_535:
        raise UsageError(f"{port} is no port.", hint="Use a number from 1024 to 65535, or 0 for a free one.")
    chosen = _find_port(port)
    key = secrets.token_urlsafe(16)
    print(f"loratui is at http://{HOST}:{chosen}/?key={key}")
    print(f"From another machine: ssh -L {chosen}:{HOST}:{chosen} THIS-MACHINE, then the same address. Ctrl+C ends it.")
    sys.stdout.flush()
    make_server(chosen, key).serve()


def make_server(port: int, key: str) -> Server:
    """A server that starts one app per page, for those who know the key."""
    try:
        from textual_serve.server import Server
    except ModuleNotFoundError as error:
        raise MissingFeatureError(
            "The browser view is not installed.", hint='Install it: pip install "loratui[serve]"'
        ) from error

    class LoopbackServer(Server):
        """textual-serve without its banner, for one person on this machine."""

        def initialize_logging(self) -> None:
            """Say nothing: the address was printed, and failures end the server with words."""

        async def on_startup(self, app: web.Application) -> None:
            """Nothing to say."""

        async def _make_app(self) -> web.Application:
            app = await super()._make_app()
            app.middlewares.append(make_gate(key))
            return app

    command = shlex.join([sys.executable, "-m", "loratui", "tui", "--images", "halfcells"])
    templates = Path(__file__).parent / "web"
    return LoopbackServer(command, host=HOST, port=port, title="loratui", templates_path=str(templates))


def make_gate(key: str) -> Middleware:
    """A middleware that lets nobody in without the key, and no page of another site at all.

    The key is in the address once and in a cookie from then on. Host is checked against DNS rebinding, Origin
    against other sites that open the web socket (browsers let them).
    """
    from aiohttp import web

    cookie = "loratui_key"

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        origin = request.headers.get("Origin")
        if urlsplit(f"//{host}").hostname not in _LOOPBACK or (origin and urlsplit(origin).netloc != host):
            raise web.HTTPForbidden(text="loratui serves pages of this machine only.")
        given = request.query.get("key", "")
        if given and hmac.compare_digest(given.encode(), key.encode()) and request.path == "/":
            away = web.HTTPFound("/")
            away.set_cookie(cookie, key, httponly=True, samesite="Strict")
            raise away
        if not hmac.compare_digest(request.cookies.get(cookie, "").encode(), key.encode()):
            raise web.HTTPForbidden(text="Open the address that `loratui serve` printed, with its key.")
        return await handler(request)

    return gate


def _find_port(port: int) -> int:
    """The port itself when it is free, or a free one for 0; raises ConflictError when another program has it."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConflictError(
                f"Port {port} can't be used: {error.strerror}.", hint="Choose another: loratui serve --port 0"
            ) from error
        return int(probe.getsockname()[1])
