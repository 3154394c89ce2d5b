"""What is said of changes that could not be written: which they were, until one has seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from waiting import settle

from loratui.catalog import roles
from loratui.errors import ConflictError

if TYPE_CHECKING:
    import pytest

    from loratui.config import Home

    from .conftest import MakeApp


async def test_a_change_that_could_not_be_written_is_named_and_what_goes_well_after_it_does_not_cover_it(
    mira: Home, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = roles.set_role
    failures = [ConflictError("The library is locked.", hint="Wait.")]

    def fail_once(*about: Any, **more: Any) -> int:
        if failures:
            raise failures.pop()
        return write(*about, **more)

    monkeypatch.setattr(roles, "set_role", fail_once)
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        first, second, third = (app.top.name_of(id_) for id_ in app.top.wall.ids[:3])  # type: ignore[union-attr]
        # All three are asked for before the first is told to have failed.
        for key in ("s", "p", "s"):
            app.top.action_do({"s": "picture.supporting", "p": "picture.primary"}[key])  # type: ignore[union-attr]
        await settle(pilot)
        told = [message.text for message in app.messages if message.error]
        assert told == [f"Not done: {first}, supporting. The library is locked. Wait."]
        line = app.top.message_line  # type: ignore[union-attr]
        assert line.text.startswith(f"Not done: {first}, supporting.") and line.has_class("-error")
        assert line.text.endswith(f"{third}: supporting. u undoes."), second
        await pilot.press("p")
        await settle(pilot)
        assert "Not done" not in line.text, "the next key is for something new"
