"""Starting trainings by keyboard; the stand-in of the runs' tests does the work, in processes of its own."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Static
from waiting import until

from loratui.catalog.bases import add_base
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.runs import get_run, list_runs
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject, record_consent
from loratui.config import find_assets
from loratui.dataset.snapshot import describe_dataset
from loratui.runs.folder import RunFolder
from loratui.runs.forecast import plan_content
from loratui.runs.service import start_training, wait_for_run
from loratui.training.recipe import Recipe, preset_for
from loratui.tui.dialogs import Confirm
from loratui.tui.recipe_form import BESIDES, ENTRIES
from loratui.tui.run import RunScreen
from loratui.tui.train import TrainScreen

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

MakeApp = Callable[..., "LoratuiApp"]
Settle = Callable[["Pilot[None]"], Awaitable[None]]


@pytest.fixture
def studio(stand_in_trainer: Home) -> Home:
    """Mira with eight training pictures, ready to be trained by a stand-in."""
    with open_catalog(stand_in_trainer) as catalog:
        set_role(catalog, "Mira", "primary", "name:picture_00* OR name:picture_01* OR name:picture_02*")
        set_role(catalog, "Mira", "supporting", "name:picture_03* OR name:picture_04* OR name:picture_05*")
    return stand_in_trainer


async def open_train(pilot: Pilot[None], settle: Settle, subject: str = "Mira", **about: str) -> TrainScreen:
    """The train screen, once it has looked at everything."""
    app: LoratuiApp = pilot.app  # type: ignore[assignment]
    await settle(pilot)
    app.show_screen("train", subject=subject, **about)
    await settle(pilot)
    screen = app.screen
    assert isinstance(screen, TrainScreen)
    return screen


async def go_to(pilot: Pilot[None], screen: TrainScreen, line: str) -> None:
    """Move the cursor to a line: near it at once, the last step by key."""
    assert screen.form.table.move_to_key(line)
    await pilot.press("up", "down")
    if screen.form.current != line:
        # The first line has none before it.
        screen.form.table.move_to_key(line)
    await pilot.pause()


async def type_value(pilot: Pilot[None], screen: TrainScreen, settle: Settle, line: str, text: str) -> None:
    """Put a value into a line as a person does: enter, clear, type, enter."""
    await go_to(pilot, screen, line)
    await pilot.press("enter", "ctrl+u", *text, "enter")
    # What is typed is forecast after a short pause.
    await pilot.pause(0.13)
    await settle(pilot)


def text_of(screen: TrainScreen) -> str:
    """What is said about the training."""
    return str(screen.query_one("#outlook").render())


def test_every_setting_of_a_recipe_has_a_line() -> None:
    assert set(ENTRIES) == {field.name for field in fields(Recipe)} | set(BESIDES)
    assert all(entry.label and entry.about for entry in ENTRIES.values())


async def test_steps_shown_are_exactly_those_of_the_plan_and_follow_what_is_typed(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(studio) as catalog:
        from loratui.catalog.subjects import get_subject

        content = describe_dataset(catalog, get_subject(catalog, "Mira"))
    preset = preset_for("sd1", 64)
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await open_train(pilot, settle)
        plan = plan_content(content, preset)
        assert f"{plan.total_steps} steps" in text_of(screen)
        await type_value(pilot, screen, settle, "epochs", "333")
        await type_value(pilot, screen, settle, "batch_size", "3")
        plan = plan_content(content, preset.with_changes(epochs=333, batch_size=3))
        assert f"{plan.total_steps:,} steps" in text_of(screen)
        assert screen.form.changed_values() == {"epochs": "333", "batch_size": "3"}
        await go_to(pilot, screen, "epochs")
        await pilot.press("r")
        assert screen.form.changed_values() == {"batch_size": "3"}
        assert "--batch-size 3" in " ".join(screen.screen_command())


async def test_a_line_that_is_as_the_preset_has_it_says_so_when_asked_for_the_preset(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await open_train(pilot, settle)
        await go_to(pilot, screen, "epochs")
        await pilot.press("r")
        assert screen.message_line.text == f"epochs is as the preset has it: {screen.form.presets['epochs']}."
        await go_to(pilot, screen, "comment")
        await pilot.press("r")
        assert screen.message_line.text == "comment is as the preset has it: empty."
        assert screen.form.changed_values() == {}


async def test_doubts_and_estimates_are_said(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        text = text_of(await open_train(pilot, settle))
    assert "estimates" in text
    assert "may be too few" in text
    assert "no tags" in text
    assert "in the inbox are left out" in text


async def test_a_wrong_value_says_why_and_nothing_can_start(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle)
        await type_value(pilot, screen, settle, "rank", "0")
        assert "between 1 and" in screen.form.wrong["rank"]
        assert "between 1 and" in screen.why_not("train.start")
        await pilot.press("ctrl+s")
        assert not isinstance(pilot.app.screen, Confirm)
        await pilot.press("escape")
        await type_value(pilot, screen, settle, "resolution", "16")
        assert "do not hold" in screen.why_not("train.start")
        await pilot.press("ctrl+s")
        assert not isinstance(pilot.app.screen, Confirm)
        await go_to(pilot, screen, "resolution")
        await pilot.press("r")
        await pilot.pause(0.15)
        await settle(pilot)
        assert screen.form.wrong == {}
        await type_value(pilot, screen, settle, "continue_from", "nobody@3")
        assert "nobody" in screen.form.wrong["continue_from"]


async def test_what_is_typed_replaces_the_value_and_a_wrong_one_stays_in_its_line(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle)
        await go_to(pilot, screen, "epochs")
        for leave in ("enter", "down", "up"):
            await pilot.press(*([] if screen.form.is_editing else ["enter"]), *"abc", leave)
            assert screen.form.is_editing
            assert screen.form.current == "epochs"
            assert screen.form.values["epochs"] == "abc"
            shown = str(screen.query_one("#help", Static).render())
            assert "epochs must be a whole number, not 'abc'. esc brings 10 back." in shown
        await pilot.press(*"12", "enter")
        assert not screen.form.is_editing
        assert screen.form.values["epochs"] == "12"
        await go_to(pilot, screen, "epochs")
        await pilot.press("enter", "end", "0", "enter")
        assert screen.form.values["epochs"] == "120"


async def test_a_wrong_value_that_was_left_names_the_key_that_sets_the_preset(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle)
        await go_to(pilot, screen, "epochs")
        await pilot.press("enter", *"abc")
        # As a click does.
        screen.form.table.focus()
        await pilot.pause(0.15)
        await settle(pilot)
        assert screen.why_not("train.start") == "epochs must be a whole number, not 'abc'. r sets the preset, 10."


async def test_changed_values_are_there_again_when_the_form_was_left(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(studio) as catalog:
        add_subject(catalog, "Empty", "emptok")
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle)
        await type_value(pilot, screen, settle, "epochs", "12")
        await type_value(pilot, screen, settle, "comment", "with a hat")
        await pilot.press("escape")
        assert pilot.app.screen is not screen
        other = await open_train(pilot, settle, "Empty")
        assert other.form.values["epochs"] == "10"
        await pilot.press("escape")
        again = await open_train(pilot, settle)
        assert again is not screen
        assert again.form.changed_values() == {"epochs": "12"}
        assert again.form.values["comment"] == "with a hat"
        marks = {row.key: row.mark for row in again.form.table.rows}
        assert marks["epochs"] == marks["comment"] == again.lora.glyphs.mark
        assert marks["rank"] == marks["base"] == " "
        assert "2 lines as you left the form" in again.lora.messages[-1].text
        await go_to(pilot, again, "epochs")
        await pilot.press("r")
        await go_to(pilot, again, "comment")
        await pilot.press("r")
        await settle(pilot)
        await pilot.press("escape")
        assert (await open_train(pilot, settle)).form.kept_values() == {}


async def test_escape_leaves_a_value_as_it_was(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle)
        await go_to(pilot, screen, "epochs")
        await pilot.press("7", "7")
        assert screen.form.values["epochs"] == "77"
        await pilot.press("escape")
        assert screen.form.values["epochs"] == "10"
        assert pilot.app.screen is screen
        await go_to(pilot, screen, "scheduler")
        await pilot.press("right")
        assert screen.form.values["scheduler"] == "constant"


@pytest.mark.parametrize(("answer", "started"), [("n", 0), ("enter", 0), ("y", 1)])
async def test_a_training_starts_after_one_confirmation_and_never_by_chance(
    studio: Home, make_app: MakeApp, settle: Settle, answer: str, started: int
) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle)
        await type_value(pilot, screen, settle, "epochs", "2")
        await type_value(pilot, screen, settle, "seed", "7")
        await go_to(pilot, screen, "start")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, Confirm)
        await pilot.press(answer)
        await settle(pilot)
        with open_catalog(studio) as catalog:
            runs = list_runs(catalog)
        assert len(runs) == started
        if started:
            assert (runs[0].recipe["epochs"], runs[0].recipe["seed"]) == (2, 7)
            assert isinstance(pilot.app.screen, RunScreen)
            app: LoratuiApp = pilot.app  # type: ignore[assignment]
            assert list(app.last_command) == ["train", "Mira", "--base", "cast", "--epochs", "2", "--seed", "7"]


async def test_prompts_comment_and_weights_reach_the_run_folder(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle)
        await type_value(pilot, screen, settle, "sample", "{trigger} | {trigger}, smile")
        await type_value(pilot, screen, settle, "comment", json.dumps({"delay_s": 0}))
        await pilot.press("ctrl+s", "y")
        await settle(pilot)
    with open_catalog(studio) as catalog:
        (run,) = list_runs(catalog)
    told = RunFolder(run.folder).read_run()
    assert told["samples"]["prompts"] == ["Mirvok", "Mirvok, smile"]
    assert told["comment"] == '{"delay_s": 0}'


async def test_what_cannot_be_trained_says_why(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    mira.config_file.write_text("trainer = ['true']\n")
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_train(pilot, settle)
        assert "no training pictures" in screen.why_not("train.start")
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert pilot.app.screen is screen
    with open_catalog(mira) as catalog:
        assert list_runs(catalog) == []


async def test_a_person_needs_consent_and_the_screen_sees_it_come(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(studio) as catalog:
        edit_subject(catalog, "Mira", kind="person")
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_train(pilot, settle)
        assert "no consent" in screen.why_not("train.start")
        assert "Record who agreed to what: C on Mira in the library (F2)." in screen.why_not("train.start")
        assert "Record who agreed to what: C on Mira in the library (F2)." in " ".join(text_of(screen).split())
        with open_catalog(studio) as catalog:
            record_consent(catalog, "Mira", who="Mira", scope="training")
        await until(pilot, lambda: not screen.why_not("train.start"))


async def test_a_subject_without_anything_is_shown_all_the_same(home: Home, make_app: MakeApp, settle: Settle) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Empty", "emptok")
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_train(pilot, settle, "Empty")
        assert "no training pictures" in text_of(screen)


async def test_of_several_bases_the_one_that_this_subject_was_trained_on_last_is_taken(
    studio: Home, tmp_path: Path, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(studio) as catalog:
        add_subject(catalog, "Vera", "Verandel")
        import_pictures(catalog, "Vera", [tmp_path / "mira"])
        set_role(catalog, "Vera", "primary", "all")
        folder = find_assets() / "cast" / "base"
        for subject, base in (("Mira", "mine"), ("Vera", "other")):
            add_base(catalog, base, folder, family="cast", layout="folder", resolution=64)
            wait_for_run(catalog, start_training(catalog, subject, base=base, changes={"epochs": 1}).name)
    async with make_app().run_test(size=(100, 30)) as pilot:
        assert (await open_train(pilot, settle, "Mira")).form.values["base"] == "mine"


async def test_continuing_takes_base_and_settings_of_the_run(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    with open_catalog(studio) as catalog:
        changes = {"epochs": 3, "learning_rate": 5e-4}
        run = start_training(catalog, "Mira", base="cast", changes=changes)
        wait_for_run(catalog, run.name)
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_train(pilot, settle, continue_from=f"{run.name}@2")
        assert screen.form.wrong == {}
        assert screen.form.values["continue_from"] == f"{run.name}@2"
        assert screen.form.values["learning_rate"] == "0.0005"
        await pilot.press("ctrl+s", "y")
        await settle(pilot)
    with open_catalog(studio) as catalog:
        second = get_run(catalog, "mira-0002")
    assert second.continued_from.endswith(f"{run.name}-000002.safetensors")
    assert second.recipe["epochs"] == 3
