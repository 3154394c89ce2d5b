"""A headless Chromium driven over its DevTools protocol: open a page, press keys, look at pixels."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import re
import shutil
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1200,800",
)


def find_chromium() -> str | None:
    """The browser's program, where the machine has one."""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


class Page:
    """One tab: `async with Page(profile folder) as page`."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        program = find_chromium()
        assert program is not None
        self._process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            f"--user-data-dir={self._profile}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert self._process.stderr is not None
        while True:
            line = (await asyncio.wait_for(self._process.stderr.readline(), 60)).decode(errors="replace")
            if found := re.search(r"ws://127\.0\.0\.1:(\d+)/", line):
                break
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{found[1]}/json") as answer:
            (tab,) = [tab for tab in await answer.json() if tab["type"] == "page"]
        self._socket = await self._session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._session.close()
        self._process.terminate()
        await self._process.wait()

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a DevTools method and return its result; events that come meanwhile are dropped."""
        number = next(self._numbers)
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads((await asyncio.wait_for(self._socket.receive(), 60)).data)
            if answer.get("id") == number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    async def open(self, address: str) -> None:
        """Go to an address, and wait until its page is there."""
        await self.call("Page.navigate", url=address)
        for _ in range(300):
            answer = await self.call("Runtime.evaluate", expression="location.protocol + document.readyState")
            if answer["result"].get("value") == "http:complete":
                break
            await asyncio.sleep(0.1)
        await self.call("Page.bringToFront")

    async def text(self) -> str:
        """The page's plain text."""
        answer = await self.call("Runtime.evaluate", expression="document.body.innerText")
        return str(answer["result"].get("value", ""))

    async def press(self, key: str) -> None:
        """Press one key: a character, Enter or Escape."""
        codes = {"Enter": 13, "Escape": 27}
        text = {"text": "\r"} if key == "Enter" else {} if key == "Escape" else {"text": key}
        code = codes.get(key, ord(key.upper()[0]))
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def see(self) -> Image.Image:
        """What the page looks like now."""
        answer = await self.call("Page.captureScreenshot", format="png")
        return Image.open(io.BytesIO(base64.b64decode(answer["data"]))).convert("RGB")
