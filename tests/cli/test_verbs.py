"""The command line as scripts use it: real processes, exit codes, one JSON document on stdout."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from loratui.catalog.bases import list_bases
from loratui.catalog.store import open_catalog
from loratui.cli.root import SHOWS, VERBS
from loratui.config import find_home

FIXED_KEYS = {
    "import": {"imported", "duplicates", "refused"},
    "picture": {"sha256", "name", "width", "height", "role", "repeats"},
    "balance": {"primary", "supporting", "ratio"},
    "plan": {
        "pictures",
        "samples_per_epoch",
        "buckets",
        "batches_per_epoch",
        "steps_per_epoch",
        "total_steps",
    },
}


class Shell:
    """Runs `loratui` in a library of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "loratui", *arguments],
            env={**os.environ, "LORATUI_HOME": str(self.home)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


def draw_picture(path: Path, number: int) -> None:
    """A picture unlike those of other numbers, also to perceptual hashes."""
    image = Image.new("RGB", (320 + 64 * (number % 3), 256), (20 * number % 255, 90, 140))
    pen = ImageDraw.Draw(image)
    for step in range(12):
        x, y = (step * 37 * (number + 3)) % 300, (step * 53 * (number + 7)) % 240
        pen.ellipse(
            (x, y, x + 30 + 5 * number, y + 40), fill=((number * 47 + step * 20) % 255, step * 20, 200 - step * 9)
        )
    image.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, two with captions, one broken file."""
    made = tmp_path / "pictures"
    made.mkdir()
    for number in range(6):
        kind = "portrait" if number < 2 else "scene"
        draw_picture(made / f"{kind}_{number}.png", number)
    (made / "portrait_0.txt").write_text("red hair, smile\n", encoding="utf-8")
    (made / "scene_2.txt").write_text("hat, outdoors\n", encoding="utf-8")
    (made / "broken.jpg").write_bytes(b"<html>not a picture</html>")
    return made


def test_a_folder_becomes_a_planned_and_exported_dataset(shell: Shell, folder: Path, tmp_path: Path) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok", "--class-word", "woman")
    imported = shell.json("import", "Mira", str(folder))
    assert imported.keys() >= FIXED_KEYS["import"]
    assert (imported["imported"], imported["duplicates"]) == (6, 0)
    assert [Path(item["path"]).name for item in imported["refused"]] == ["broken.jpg"]
    assert all(item["reason"] for item in imported["refused"])

    again = shell.json("import", "Mira", str(folder))
    assert again["imported"] == 0

    assert shell.json("role", "set", "Mira", "primary", "name:portrait*")["changed"] == 2
    assert shell.json("role", "set", "Mira", "supporting", "role:inbox")["changed"] == 4
    listed = shell.json("picture", "list", "Mira", "-role:primary")
    assert len(listed) == 4
    assert all(item.keys() >= FIXED_KEYS["picture"] for item in listed)
    assert {item["repeats"] for item in listed} == {2}
    assert shell.json("repeats", "set", "Mira", "-1", "role:supporting")["changed"] == 4
    assert shell.json("repeats", "set", "Mira", "+3", "role:supporting")["changed"] == 4
    assert {item["repeats"] for item in shell.json("picture", "list", "Mira", "role:supporting")} == {4}
    assert shell.json("repeats", "set", "Mira", "default", "role:supporting")["changed"] == 4

    (shown,) = shell.json("picture", "show", "Mira", "name:portrait_0*", "--base", "cast")
    assert shown["state"] == "ok"
    assert shown["caption"] == "photo of Mirvok, red hair, smile"
    assert len(shown["bucket"]) == 2
    assert "red hair" in shell.run("picture", "show", "Mira", "name:portrait_0*", "--base", "cast").stdout

    balance = shell.json("balance", "Mira")
    assert balance.keys() >= FIXED_KEYS["balance"]
    assert (balance["primary"], balance["supporting"], balance["ratio"]) == (10, 8, 1.25)
    applied = shell.json("balance", "Mira", "--apply")
    assert 1.5 <= applied["ratio"] <= 3

    captions = {item["name"]: item["caption"] for item in shell.json("caption", "show", "Mira")}
    assert captions["portrait_0.png"] == "photo of Mirvok, red hair, smile"
    shell.run("rules", "set", "Mira", "--imbue", "red hair")
    captions = {item["name"]: item["caption"] for item in shell.json("caption", "show", "Mira")}
    assert captions["portrait_0.png"] == "photo of Mirvok, smile"

    plan = shell.json("plan", "Mira", "--resolution", "128", "--batch-size", "2", "--epochs", "3")
    assert plan.keys() >= FIXED_KEYS["plan"]
    assert plan["pictures"] == 6
    assert sum(bucket["samples"] for bucket in plan["buckets"]) == plan["samples_per_epoch"]
    assert plan["total_steps"] == 3 * plan["steps_per_epoch"]

    exported = shell.json("export", "Mira", str(tmp_path / "out"))
    assert exported["pictures"] == 6
    names = sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert all(name.split("_", 1)[1] == "Mirvok" for name in names)
    assert (exported["base"], exported["resolution"]) == ("", 512)
    assert "resolution = 512" in (tmp_path / "out" / "dataset.toml").read_text()


def test_an_import_of_nothing_usable_fails_and_says_so(shell: Shell, folder: Path, tmp_path: Path) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    broken = str(folder / "broken.jpg")
    refused = json.loads(shell.run("import", "Mira", broken, "--json", code=5).stdout)
    assert (refused["imported"], len(refused["refused"])) == (0, 1)
    assert "broken.jpg" in shell.run("import", "Mira", broken, code=5).stderr
    shell.run("import", "Mira", str(folder))
    shell.run("import", "Mira", str(folder))
    (tmp_path / "empty").mkdir()
    shell.run("import", "Mira", str(tmp_path / "empty"))


def test_bases_and_runs_are_removed_by_name(shell: Shell, tmp_path: Path) -> None:
    assert json.loads(shell.run("base", "remove", "nothing", "--json", code=3).stderr)["error"]["hint"]
    shell.run("run", "remove", "nothing-0001", code=3)
    shell.json("base", "list")
    assert shell.json("base", "remove", "cast")["removed"] == "cast"
    shell.run("undo")


def test_undo_and_redo_work_from_process_to_process(shell: Shell, folder: Path) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    shell.run("import", "Mira", str(folder))
    shell.run("role", "set", "Mira", "primary", "all")
    shell.run("undo")
    assert {item["role"] for item in shell.json("picture", "list", "Mira")} == {"inbox"}
    shell.run("redo")
    assert {item["role"] for item in shell.json("picture", "list", "Mira")} == {"primary"}
    shell.run("picture", "remove", "Mira", "name:scene*")
    assert len(shell.json("picture", "list", "Mira")) == 2
    shell.run("undo")
    assert len(shell.json("picture", "list", "Mira")) == 6


def test_a_trigger_word_is_never_given_twice(shell: Shell) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    refused = shell.run("subject", "add", "Nora", "--trigger", "mir-VOK", "--json", code=4)
    error = json.loads(refused.stderr)["error"]
    assert error["code"] == "conflict"
    assert "Mira" in error["message"]
    assert error["hint"]
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["subject", "show", "Nobody"], 3),
        (["picture", "list", "Nobody"], 3),
        (["subject", "add"], 2),
        (["subjct", "list"], 2),
        (["role", "set", "Mira", "hero", "all"], 2),
        (["run", "show", "nothing-0001"], 3),
        (["undo"], 3),
    ],
)
def test_errors_have_a_message_a_hint_and_a_documented_exit_code(shell: Shell, arguments: list[str], code: int) -> None:
    done = shell.run(*arguments, code=code)
    assert done.stderr.startswith("loratui: ")
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_query_that_makes_no_sense_says_where(shell: Shell) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    done = shell.run("picture", "list", "Mira", "rool:primary", code=2)
    assert "rool" in done.stderr
    assert "role" in done.stderr


def test_a_name_with_control_characters_does_not_reach_the_terminal(shell: Shell) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok", code=0)
    done = shell.run("subject", "show", "\x1b[31mMira", code=3)
    assert "\x1b" not in done.stderr


def test_where_names_every_folder_under_the_home(shell: Shell) -> None:
    places = shell.json("where")
    assert places.keys() >= {"database", "store", "runs", "cache", "config"}
    assert all(place.startswith(str(shell.home)) for place in places.values())


def test_doctor_is_content_with_a_fresh_library(shell: Shell) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    findings = shell.json("doctor")
    assert {item["check"] for item in findings} >= {"settings", "database", "disk", "assets", "devices"}
    assert not [item for item in findings if item["state"] == "problem"]


def test_doctor_counts_anew_what_another_program_spoiled(shell: Shell) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    with closing(sqlite3.connect(find_home({"LORATUI_HOME": str(shell.home)}).database)) as connection, connection:
        connection.execute("INSERT INTO membership_count VALUES (1, 'inbox', 0, 3, 5)")
    (found,) = (item for item in shell.json("doctor") if item["check"] == "counts")
    assert (found["state"], found["detail"][:8]) == ("warning", "1 number")
    assert "counts" not in {item["check"] for item in shell.json("doctor")}


def test_output_cut_short_by_its_reader_is_no_error(shell: Shell) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    done = subprocess.run(
        f"{sys.executable} -m loratui exit-codes | true; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        env={**os.environ, "LORATUI_HOME": str(shell.home)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("path", [path for path, _, _ in VERBS])
def test_every_verb_explains_itself(path: str, shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    from loratui.cli.root import run

    assert run([*path.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"loratui {path}" in shown
    assert "--json" in shown


@pytest.mark.parametrize("name", [name for name, _, _ in SHOWS])
def test_every_verb_that_shows_something_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from loratui.cli.root import run

    assert run([name, "--help"]) == 0
    assert f"loratui {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tag", "Mira", "--agian"], "Unknown option: --agian. Did you mean --again?"),
        (["tags", "add", "Mira", "hat", "--dry-run"], "Unknown option: --dry-run."),
        (["picture", "list", "Mira", "role:inbox", "--limt=3"], "Unknown option: --limt. Did you mean --limit?"),
        (["caption", "set", "Mira", "all", "--computd"], "Unknown option: --computd. Did you mean --computed?"),
    ],
)
def test_a_mistyped_option_is_no_query(shell: Shell, words: list[str], told: str) -> None:
    assert json.loads(shell.run(*words, "--json", code=2).stderr)["error"]["message"] == told


def test_one_dash_in_front_of_a_part_of_a_query_means_without(shell: Shell) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    assert "matches -tag:hat -role:rejected" in shell.run("tag", "Mira", "-tag:hat", "-role:rejected").stdout


def test_an_export_says_what_it_is_for_and_registers_no_base(shell: Shell, tmp_path: Path) -> None:
    shell.run("subject", "add", "Mira", "--trigger", "Mirvok")
    draw_picture(tmp_path / "photo.png", 1)
    Image.open(tmp_path / "photo.png").resize((768, 768)).save(tmp_path / "photo.png")
    shell.run("import", "Mira", str(tmp_path / "photo.png"))
    shell.run("role", "set", "Mira", "primary", "all")
    why = "for 512 px: no base of your own is registered; --resolution or `loratui base add`"
    assert why in shell.run("export", "Mira", str(tmp_path / "out")).stderr
    assert "resolution = 512" in (tmp_path / "out" / "dataset.toml").read_text()
    assert "tiny: for cast at 64 px" in shell.run("check", "Mira", "--only", "tiny").stderr
    assert "for cast at 64 px" in shell.run("propose", "Mira").stderr
    with open_catalog(find_home({"LORATUI_HOME": str(shell.home)})) as catalog:
        assert list_bases(catalog) == []
