"""The verb `tag`, in real processes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.edits import store_tag_scores
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.demo import world
from loratui.runs.forecast import inspect_subject

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home

    from .conftest import Read, Run

pytest.importorskip("onnxruntime")

HOLD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from loratui.catalog.locks import Renewal, work_alone
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import get_subject
from loratui.config import Home
data = Path(sys.argv[1])
with open_catalog(Home(data, data / "cache", data)) as catalog:
    renewal = Renewal(sys.argv[2], datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    with work_alone(catalog, get_subject(catalog, "Mira"), "tag", "tags", renewal=renewal):
        print("held", flush=True)
        time.sleep(60)
"""
LOOK = world.Look("tan", "red hair", "bob cut", "blue eyes", "none")


@pytest.fixture
def mira(home: Home, tmp_path: Path) -> Home:
    """Two drawn pictures and a photo's worth of grey."""
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
        for number, expression in enumerate(("smile", "frown")):
            scene = world.Scene(expression, "facing viewer", "portrait", "blue shirt", "none", "grass")
            world.draw(LOOK, scene, number).save(tmp_path / f"{number}.png")
        Image.linear_gradient("L").save(tmp_path / "2.png")
        import_pictures(catalog, "Mira", [tmp_path / f"{number}.png" for number in range(3)])
    return home


def test_tagging_without_a_tagger_uses_the_cast_and_says_so(mira: Home, run: Run) -> None:
    done = run("tag", "Mira", "name:0*")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 of 1 picture tagged by cast@")
    assert "drawn cast only" in done.stderr and "loratui tags list Mira" in done.stderr
    assert "loratui rules set Mira --general-threshold 0.50" in done.stderr
    again = run("tag", "Mira")
    assert again.stdout.startswith("2 of 3 pictures tagged by cast@") and "1 had been tagged before" in again.stdout


def test_tags_are_counted_after_tagging(mira: Home, read: Read) -> None:
    document = read("tag", "Mira", "name:0*")
    assert (document["pictures"], document["tagged"], document["skipped"], document["refused"]) == (1, 1, 0, [])
    assert document["times"]["session"] > 0
    document = read("tag", "Mira")
    assert (document["pictures"], document["tagged"], document["skipped"]) == (3, 2, 1)
    assert read("tag", "Mira", "--again")["tagged"] == 3
    counted = {item["tag"]: item for item in read("tags", "list", "Mira")}
    assert set(counted["red hair"]) >= {"tag", "pictures", "share"}
    assert counted["red hair"]["pictures"] >= 2 and counted["smile"]["pictures"] >= 1
    assert counted["red hair"]["share"] >= 0.66
    captions = {item["name"]: item["caption"] for item in read("caption", "list", "Mira")}
    assert "red hair" in captions["0.png"]


def test_tagging_anew_that_was_killed_tells_the_next_how_to_go_on(mira: Home, run: Run, read: Read) -> None:
    tagger = read("tag", "Mira")["tagger"]
    with subprocess.Popen([sys.executable, "-c", HOLD, str(mira.data), tagger], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        process.kill()
    said = f"Tagging anew by {tagger} was cut off: the same command with --before=2026-01-02T03:04:05.000Z goes on"
    told = run("tag", "Mira").stderr
    assert said in told
    (sentence,) = read("tag", "Mira")["cut_off"]
    assert sentence.startswith(said)
    # The tagger that ships was not asked for, which a script should hear as well.
    assert any("knows the drawn cast only" in warning for warning in read("tag", "Mira")["warnings"])
    assert read("tag", "Mira", "--again", "--before=2026-01-02T03:04:05.000Z")["cut_off"] == []
    assert read("tag", "Mira")["cut_off"] == []


def test_a_tagger_in_the_settings_is_used(mira: Home, shared: Path, read: Read) -> None:
    folder = shared / "models" / "wd_contract_imagenet"
    mira.config_file.write_text(f'tagger = "{folder}"\n', encoding="utf-8")
    assert read("tag", "Mira")["tagger"].startswith("wd_contract_imagenet@")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("Nobody",), 3, "Nobody"),
        (("Mira", "--tagger", "/no/such/folder"), 3, "no folder"),
        (("Mira", "--tagger", "somebody/something"), 1, "HF_HUB_OFFLINE"),
        (("Mira", "--batch", "0"), 2, "--batch"),
        (("Mira", "size:<"), 2, "size"),
    ],
)
def test_what_is_wrong_is_told(mira: Home, arguments: tuple[str, ...], code: int, said: str, run: Run) -> None:
    done = run("tag", *arguments, HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr and "hint" in done.stderr


def test_pictures_that_are_all_unreadable_are_an_error(mira: Home, run: Run) -> None:
    for path in mira.store.glob("*/*"):
        path.unlink()
    done = run("tag", "Mira")
    assert done.returncode == 5
    assert done.stdout.count("refused ") == 3


def test_a_verb_without_pictures_says_so_and_what_to_do(mira: Home, run: Run) -> None:
    done = run("tag", "Mira", "name:nothing", "--tagger", "somebody/something", HF_HUB_OFFLINE="1")
    assert done.returncode == 0 and done.stdout.startswith("No picture of Mira matches name:nothing")
    with open_catalog(mira) as catalog:
        add_subject(catalog, "Kai", "Kaivok")
    done = run("tag", "Kai")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Kai has no pictures") and "loratui import Kai FOLDER" in done.stdout


def test_a_batch_larger_than_the_subject_is_no_matter(mira: Home, read: Read) -> None:
    assert read("tag", "Mira", "--batch", "100000")["tagged"] == 3


def test_every_list_that_mixes_two_taggers_says_so(mira: Home, run: Run) -> None:
    with open_catalog(mira) as catalog:
        for picture in select_memberships(catalog, "Mira"):
            store_tag_scores(catalog, picture.picture_id, "old@1/p1", [("smile", "general", 0.9)])
    assert "mixed" not in run("tags", "list", "Mira").stderr
    told = "1 of 3 pictures are tagged by cast, 2 by old: their tags are mixed here; `loratui tag Mira --tagger cast`"
    assert told in run("tag", "Mira", "name:0*", "--tagger", "cast").stderr
    for verb in (("tags", "list"), ("imbue", "suggest"), ("coverage",), ("caption", "list")):
        assert told in run(*verb, "Mira").stderr, verb
    assert told not in run("tags", "list", "Mira", "--quiet").stderr
    run("role", "set", "Mira", "primary", "all")
    assert told in run("export", "Mira", str(mira.data.parent / "out")).stderr
    with open_catalog(mira) as catalog:
        doubts = {doubt.code: doubt for doubt in inspect_subject(catalog, "Mira").doubts}
    assert f"{doubts['mixed_tags'].message.rstrip('.')}; {doubts['mixed_tags'].hint}".startswith(told)
    run("tag", "Mira", "--tagger", "cast")
    assert "mixed" not in run("tags", "list", "Mira").stderr
