"""The app in a browser: the wall shows and keys work in headless Chromium, and nobody gets in without the key."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import pytest
from chromium import Page, find_chromium
from PIL import Image, ImageDraw

from loratui.catalog import importer, subjects
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loratui.config import Home

ORANGE = (248, 120, 0)


@dataclass(frozen=True)
class Served:
    """A running `loratui serve`."""

    address: str
    port: int


@pytest.fixture
def served(home: Home, tmp_path: Path) -> Iterator[Served]:
    """The app on a library with four orange pictures of different shapes."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        picture = Image.new("RGB", (128, 128), ORANGE)
        ImageDraw.Draw(picture).rectangle((10 + 20 * number, 10, 30 + 20 * number, 30 + 20 * number), fill=(0, 0, 80))
        picture.save(folder / f"{number}.png")
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [folder])
    environment = {**os.environ, "LORATUI_HOME": str(home.data)}
    command = [sys.executable, "-m", "loratui", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\S+", process.stdout.readline())
        assert found is not None
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(found[1]))):
                break
            time.sleep(0.1)
        yield Served(found[0], int(found[1]))
        process.terminate()


async def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen"
        await asyncio.sleep(0.1)


def measure_orange(image: Image.Image) -> float:
    """The share of the page in the colour of the pictures."""
    near = [count for count, colour in image.getcolors(1 << 24) or [] if _is_near(colour)]
    return sum(near) / (image.width * image.height)


def _is_near(colour: object) -> bool:
    return isinstance(colour, tuple) and all(abs(a - b) < 24 for a, b in zip(colour, ORANGE, strict=True))


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine")
async def test_the_wall_shows_in_a_browser_and_keys_work(served: Served, home: Home, tmp_path: Path) -> None:
    with open_catalog(home) as catalog:
        async with Page(tmp_path / "profile") as page:
            await page.open(served.address)
            await rest(page)
            await page.press("Enter")
            await rest(page)
            assert measure_orange(await page.see()) > 0.05, "the pictures fill a good part of the page"
            await page.press("p")
            await page.press("s")
            await wait_until(
                lambda: [one.role for one in select_memberships(catalog, "Mira")][:2] == ["primary", "supporting"]
            )
            await page.press("u")
            await wait_until(lambda: [one.role for one in select_memberships(catalog, "Mira")][1] == "inbox")


async def rest(page: Page) -> None:
    """Wait until the app has drawn something and then nothing for a second."""
    before = None
    for _ in range(60):
        await asyncio.sleep(1)
        state = await page.call("Runtime.evaluate", expression="document.body.className")
        now = (await page.see()).tobytes()
        if "-first-byte" in str(state["result"].get("value")) and now == before:
            return
        before = now
    raise AssertionError("the page did not come to rest")


async def test_nobody_gets_in_without_the_key_or_from_another_site(served: Served) -> None:
    place = f"http://127.0.0.1:{served.port}"
    async with aiohttp.ClientSession() as session:
        for path, headers in (
            ("/", {}),
            ("/ws", {}),
            ("/static/js/textual.js", {}),
            ("/?key=wrong", {}),
            ("/?key=schlüssel", {}),
        ):
            async with session.get(place + path, headers=headers, allow_redirects=False) as answer:
                assert answer.status == 403, path
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(served.address) as answer:
            assert answer.status == 200
            assert "googleapis" not in await answer.text()
        async with session.get(f"{place}/ws", headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403
        async with session.get(place, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403


def test_a_taken_port_is_refused_with_a_hint(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    from loratui.cli.root import run

    assert run(["serve", "--port", str(served.port)]) == 4
    assert "--port 0" in capfd.readouterr().err
