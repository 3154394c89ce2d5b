"""Forms of the library: subjects are added, changed and removed, and consent is kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from library_driving import fill, library, said, shown
from textual.widgets import Input, Static
from waiting import until

from loratui.catalog import journal, subjects
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.errors import LoratuiError
from loratui.tui.dialogs import Form

if TYPE_CHECKING:
    import pytest

    from loratui.config import Home

    from .conftest import MakeApp, Settle


async def test_a_subject_is_added_undone_and_done_again(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Borun", "Zantavo", "object", "teapot")
        assert said(pilot) == "Added Borun. a imports its pictures, u undoes."
        assert pilot.app.subject == "Borun"
        with open_catalog(mira) as catalog:
            assert subjects.get_subject(catalog, "Borun").class_word == "teapot"
            assert subjects.get_subject(catalog, "Borun").kind == "object"
            await pilot.press("u")
            await settle(pilot)
            assert "add subject Borun" in said(pilot)
            assert shown(pilot) == ["Mira"]
            await pilot.press("ctrl+r")
            await settle(pilot)
            assert [item.subject.name for item in subjects.list_subjects(catalog)] == ["Borun", "Mira"]
        assert shown(pilot) == ["Borun", "Mira"]


async def test_a_doubtful_trigger_is_told(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Nearly", "Mirvak", "", "")
        assert "'Mirvak' is nearly 'Mirvok' (subject 'Mira')" in said(pilot)
        assert shown(pilot) == ["Mira", "Nearly"]


async def test_a_doubtful_trigger_warns_and_is_not_told_as_a_failure(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Foo", "sks", "", "")
        told = pilot.app.messages[-1]
        assert told.text.startswith("Added Foo.") and "Mind: " in told.text
        assert not told.error
        await pilot.press("w")
        assert "failed" not in str(pilot.app.screen.query_one("#messages", Static).content)


async def test_a_taken_trigger_is_told_in_the_form_which_stays(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Other", "mirVOK", "", "")
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert "belongs to the subject 'Mira' already" in str(form.query_one("#wrong", Static).content)
        assert [line.value for line in form.query(Input)][:2] == ["Other", "mirVOK"]
        assert pilot.app.focused is form.query(Input)[1], "at the line that is at fault"
        await pilot.press("ctrl+u", *"Zantavo", "ctrl+s")
        await settle(pilot)
        assert shown(pilot) == ["Mira", "Other"]


async def test_a_refusal_that_comes_after_its_form_was_left_is_told_and_opens_nothing(
    make_app: MakeApp, mira: Home, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_refuse = threading.Event()

    def refuse(*_: object, **about: object) -> None:
        may_refuse.wait(10)
        raise LoratuiError("The trigger is taken.", hint="Choose another.")

    monkeypatch.setattr("loratui.tui.keyboard.HOLD_S", 0.05)
    monkeypatch.setattr("loratui.catalog.subjects.add_subject", refuse)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Other", "tab", *"other", "ctrl+s", "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Form))
        await pilot.press("j")
        may_refuse.set()
        await settle(pilot)
        assert not isinstance(pilot.app.screen, Form)
        assert said(pilot) == "The trigger is taken. Choose another."


async def test_editing_changes_only_what_differs(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        await fill(pilot, settle, "Mara", "", "", "", "7", "", "from the film")
        assert said(pilot) == "Changed Mara: name, primary repeats, notes. u undoes."
        assert list(pilot.app.last_command) == [
            *("subject", "edit", "Mira", "--rename", "Mara"),
            *("--primary-repeats", "7", "--notes", "from the film"),
        ]
        with open_catalog(mira) as catalog:
            subject = subjects.get_subject(catalog, "Mara")
        assert (subject.trigger, subject.primary_repeats, subject.notes) == ("Mirvok", 7, "from the film")
        assert pilot.app.subject == "Mara"


async def test_repeats_that_are_no_number_are_refused_in_the_form(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        await fill(pilot, settle, "", "", "", "", "many", "", "")
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert "a whole number from 1 on" in str(form.query_one("#wrong", Static).content)
        await pilot.press("escape")
        assert pilot.app.screen is library(pilot)


async def test_the_kind_of_a_person_says_that_consent_is_needed_and_that_it_stays(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n", "down", "down")
        line = pilot.app.screen.query_one("#judged_kind", Static)
        await until(pilot, lambda: not line.display)
        await pilot.press("p")
        await until(pilot, lambda: "consent is on record" in str(line.render()))
        assert line.display
        assert "stays a person" in str(line.render())
        assert pilot.app.screen.query(Input)[3].region.bottom <= 24, "the last line is in sight"
        await pilot.press("s")
        await until(pilot, lambda: not line.display)


async def test_consent_is_for_persons(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Ada", "Adavok", kind="person")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("j", "C")
        assert said(pilot) == "Consent is for persons, and Mira is of kind character. e changes the kind."
        await pilot.press("k", "C")
        await settle(pilot)
        await fill(pilot, settle, "Ada Lovelace", "", "by letter")
        assert said(pilot) == "Ada Lovelace agreed to training and publishing for Ada. u undoes."
        with open_catalog(mira) as catalog:
            consent = subjects.get_subject(catalog, "Ada").consent
        assert consent is not None and (consent["who"], consent["note"]) == ("Ada Lovelace", "by letter")

        await pilot.press("C")
        await settle(pilot)
        await fill(pilot, settle, "", "", "by phone", "take it back")
        assert said(pilot) == "Ada Lovelace took the consent for Ada back. C records a new one."
        assert list(pilot.app.last_command) == ["subject", "consent", "Ada", "--withdraw", "--note", "by phone"]  # type: ignore[attr-defined]
        with open_catalog(mira) as catalog:
            assert not subjects.has_consent(subjects.get_subject(catalog, "Ada"))
            await pilot.press("u")
            await settle(pilot)
            assert "`loratui undo --consent` undoes that" in said(pilot)
            assert not subjects.has_consent(subjects.get_subject(catalog, "Ada"))
            journal.undo(catalog, consent=True)
            assert subjects.has_consent(subjects.get_subject(catalog, "Ada"))


async def test_removing_asks_nothing_and_is_undone(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("X")
        assert shown(pilot) == []
        await settle(pilot)
        assert said(pilot) == "Removed Mira; its 12 pictures stay in the store. u undoes."
        with open_catalog(mira) as catalog:
            assert subjects.list_subjects(catalog) == []
            await pilot.press("u")
            await settle(pilot)
            assert len(select_memberships(catalog, "Mira")) == 12
        assert shown(pilot) == ["Mira"]


async def test_a_form_is_finished_from_a_line_of_choices_too(home: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Mira", "tab", *"Mirvok", "tab", "right", "ctrl+s")
        await settle(pilot)
        with open_catalog(home) as catalog:
            assert subjects.get_subject(catalog, "Mira").kind == "style"
