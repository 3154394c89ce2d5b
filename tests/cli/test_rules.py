"""The verbs about rules and captions, in real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.edits import add_tags
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.dataset.snapshot import freeze

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

    from .conftest import Read, Run

    Captions = Callable[[], dict[str, str]]


@pytest.fixture
def mira(home: Home, tmp_path: Path) -> Home:
    """Mira with freckles on both her pictures, which were trained on once, and Nora with none."""
    from PIL import Image

    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
        add_subject(catalog, "Nora", "Norvok")
        for number in range(2):
            Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / f"{number}.png")
        import_pictures(catalog, "Mira", [tmp_path / f"{number}.png" for number in range(2)])
        set_role(catalog, "Mira", "primary", "")
        add_tags(catalog, "Mira", "", ["freckles"])
        add_tags(catalog, "Mira", "name:1.png", ["hat"])
        freeze(catalog, "Mira")
    return home


@pytest.fixture
def captions(mira: Home, read: Read) -> Captions:
    """Reads the captions of Mira's pictures, by their names."""
    return lambda: {item["name"]: item["caption"] for item in read("caption", "list", "Mira")}


def test_an_undesired_list_is_tried_taken_in_and_written_back(
    mira: Home, tmp_path: Path, run: Run, read: Read, captions: Captions
) -> None:
    file = tmp_path / "undesired.txt"
    file.write_text('--undesired_tags="blue eyes, Freckles, hats"', encoding="utf-8")
    tried = read("rules", "import", "Mira", str(file), "--dry-run")
    assert (tried["format"], tried["captions_changed"], tried["dry_run"]) == ("kohya", 2, True)
    assert [(entry["entry"], entry["pictures"], entry["near"]) for entry in tried["entries"]] == [
        ("blue eyes", 0, []),
        ("freckles", 2, []),
        ("hats", 0, ["hat"]),
    ]
    assert "space after the comma" in tried["remarks"][0]
    assert captions()["0.png"] == "photo of Mirvok, freckles"
    done = run("rules", "import", "Mira", str(file))
    assert done.returncode == 0 and "'hats' matches no picture; did you mean 'hat'?" in done.stderr
    assert captions() == {"0.png": "photo of Mirvok", "1.png": "photo of Mirvok, hat"}
    assert run("rules", "export", "Mira", "--format", "kohya").stdout == "blue eyes,freckles,hats\n"
    run("undo")
    assert captions()["0.png"] == "photo of Mirvok, freckles"


def test_rules_are_shared_by_a_file_and_straight(mira: Home, tmp_path: Path, run: Run, read: Read) -> None:
    read("rules", "set", "Mira", "--imbue", "* eyes", "--rename", "1girl=woman", "--alias", "smile=smiling")
    file = tmp_path / "rules.json"
    assert run("rules", "export", "Mira", str(file)).returncode == 0
    read("rules", "import", "Nora", str(file))
    shown = read("rules", "show", "Nora")
    assert (shown["imbued"], shown["renames"], shown["aliases"]) == (
        ["* eyes"],
        {"1girl": "woman"},
        {"smile": ["smiling"]},
    )
    run("undo")
    assert read("rules", "show", "Nora")["imbued"] == []
    assert read("rules", "import", "Nora", "--from", "Mira")["rules"]["imbued"] == ["* eyes"]
    assert run("rules", "import", "Nora").returncode == 2


def test_a_change_of_rules_is_tried_and_made_and_taken_back(
    mira: Home, run: Run, read: Read, captions: Captions
) -> None:
    tried = read("rules", "set", "Mira", "--order", "alphabetical", "--prefix", "{trigger},", "--dry-run")
    assert (tried["captions_changed"], tried["pictures"]) == (2, 2)
    assert captions()["0.png"] == "photo of Mirvok, freckles"
    read("rules", "set", "Mira", "--prefix", "{trigger},", "--first", "hat")
    assert captions()["1.png"] == "Mirvok, hat, freckles"
    read("rules", "set", "Mira", "--unset", "prefix")
    assert captions()["1.png"] == "photo of Mirvok, hat, freckles"
    assert run("rules", "set", "Mira").returncode == 2
    assert run("rules", "set", "Mira", "--rename", "hat").returncode == 2


def test_captions_are_compared_with_the_last_training_and_with_other_rules(mira: Home, run: Run, read: Read) -> None:
    assert read("caption", "diff", "Mira") == []
    (changed,) = read("caption", "diff", "Mira", "--set", "imbued=hat")
    assert changed == {
        "name": "1.png",
        "state": "changed",
        "before": "photo of Mirvok, freckles, hat",
        "after": "photo of Mirvok, freckles",
    }
    read("rules", "set", "Mira", "--imbue", "hat")
    assert [item["name"] for item in read("caption", "diff", "Mira")] == ["1.png"]
    assert run("caption", "diff", "Nora").returncode == 3


def test_tags_are_added_removed_and_renamed_with_the_rules_that_name_them(
    mira: Home, run: Run, read: Read, captions: Captions
) -> None:
    assert read("tags", "add", "Mira", "red hair, smile", "name:0.png")["changed"] == 1
    assert read("tags", "remove", "Mira", "smile")["changed"] == 1
    assert captions()["0.png"] == "photo of Mirvok, freckles, red hair"
    read("rules", "set", "Mira", "--imbue", "freckles")
    assert read("tags", "rename", "Mira", "freckles", "light freckles") == {
        "changed": 2,
        "captions_changed": 0,
        "rules": ["imbued"],
        "notes": ["'light freckles' is imbued now, as 'freckles' was: captions leave it out."],
    }
    assert read("rules", "show", "Mira")["imbued_pictures"] == {"light freckles": 2}
    assert captions()["0.png"] == "photo of Mirvok, red hair"
    run("undo")
    assert read("rules", "show", "Mira")["imbued_pictures"] == {"freckles": 2}


def test_a_tag_is_said_again_however_the_list_names_it(mira: Home, run: Run, read: Read, captions: Captions) -> None:
    run("tags", "add", "Mira", "blue eyes, green eyes")
    read("rules", "set", "Mira", "--imbue", "* eyes", "--imbue", "Hat", "--imbue", "freckles")
    assert captions()["1.png"] == "photo of Mirvok"
    read("rules", "set", "Mira", "--keep", "blue eyes", "--keep", "hat")
    assert captions()["1.png"] == "photo of Mirvok, hat, blue eyes"
    assert read("rules", "show", "Mira")["imbued"] == ["freckles", "green eyes"]
    done = run("rules", "set", "Mira", "--keep", "smile")
    assert done.returncode == 2 and "'smile'" in done.stderr and "freckles, green eyes" in done.stderr
    read("rules", "set", "Mira", "--keep", "green eyes", "--imbue", "* eyes")
    assert read("rules", "set", "Mira", "--keep", "* eyes", "--imbue", "green eyes")["imbued"] == [
        "freckles",
        "green eyes",
    ]


def test_slips_in_rules_are_told_at_once(mira: Home, tmp_path: Path, run: Run, read: Read, captions: Captions) -> None:
    for slip in (["--prefix", "{trigger, hat"], ["--imply", "a=b", "--imply", "b=a"], ["--rename", "a,b=c"]):
        assert run("rules", "set", "Mira", *slip).returncode == 2
    assert read("rules", "show", "Mira")["prefix"] == "photo of {trigger},"
    assert "2 of 2 captions lack it" in run("rules", "set", "Mira", "--prefix", "a photo,", "--dry-run").stderr
    assert "says the trigger Mirvok" in read("rules", "set", "Mira", "--prefix", "a photo,")["warnings"][0]
    run("undo")
    done = read("rules", "set", "Mira", "--imbue", "freckles, hat", "--imply", "boater=hat,headwear")
    assert (done["imbued"], done["implications"]) == (["freckles", "hat"], {"hat": ["boater"], "headwear": ["boater"]})
    assert (done["warnings"], captions()["1.png"]) == ([], "photo of Mirvok")
    assert read("rules", "set", "Mira", "--keep", "hat,freckles")["imbued"] == []


def test_a_file_that_is_no_list_of_tags_is_taken_in_only_when_it_is_meant(
    mira: Home, tmp_path: Path, run: Run, read: Read
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Well, this is a letter, and not a list, of anything.", encoding="utf-8")
    done = run("rules", "import", "Mira", str(letter))
    assert done.returncode == 5 and "--anyway" in done.stderr
    assert len(read("rules", "import", "Mira", str(letter), "--anyway")["entries"]) == 4
    letter.write_text(f"freckles,{','.join(f'gnu {number}' for number in range(5_000))}", encoding="utf-8")
    done = run("rules", "import", "Mira", str(letter), "--dry-run")
    assert done.returncode == 0 and "freckles" in done.stdout
    assert len((done.stdout + done.stderr).splitlines()) < 40 and "more entries match no picture" in done.stderr
    assert len(read("rules", "import", "Mira", str(letter), "--dry-run")["entries"]) > 5_000
    letter.write_text("null", encoding="utf-8")
    assert run("rules", "import", "Nora", str(letter)).returncode == 5


def test_rules_that_say_sexual_words_of_a_person_are_refused(mira: Home, run: Run) -> None:
    assert run("subject", "edit", "Mira", "--kind", "person").returncode == 0
    for rules in (["--prefix", "naked {trigger},"], ["--rename", "freckles=sex"], ["--suffix", "nude", "--dry-run"]):
        done = run("rules", "set", "Mira", *rules)
        assert done.returncode == 5 and "Mira is a person" in done.stderr
    assert run("subject", "edit", "Mira", "--class-word", "nude girl").returncode == 5


def test_a_rename_is_taken_back_however_it_is_spelled(mira: Home, run: Run, read: Read) -> None:
    read("rules", "set", "Mira", "--rename", "Straw_Hat=cap", "--rename", "hat=cap")
    assert read("rules", "set", "Mira", "--rename", "straw hat=", "--rename", "HAT=boater")["renames"] == {
        "HAT": "boater"
    }
    done = run("rules", "set", "Mira", "--rename", "smile=")
    assert done.returncode == 2 and "'smile'" in done.stderr


def test_a_renamed_tag_tells_what_rules_changed_when_no_picture_does(mira: Home, run: Run, read: Read) -> None:
    read("rules", "set", "Mira", "--imbue", "frekles")
    done = run("tags", "rename", "Mira", "frekles", "freckles")
    assert done.stdout == "0 pictures changed; 2 captions read otherwise. Rules changed: imbued.\n"


def test_a_rule_that_another_writer_sets_meanwhile_stays(mira: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from loratui.captions import counts
    from loratui.captions.service import change_rules, rules_of
    from loratui.cli import root

    read_book = counts.read_book

    def read_while_another_writes(catalog: Catalog, subject: str) -> counts.CaptionBook:
        book = read_book(catalog, subject)
        if not rules_of(catalog, "Mira").suffix:
            change_rules(catalog, "Mira", {"imbued": ["hat"], "suffix": "grain"})
        return book

    monkeypatch.setenv("LORATUI_HOME", str(mira.data))
    monkeypatch.setattr(counts, "read_book", read_while_another_writes)
    assert root.run(["rules", "set", "Mira", "--imbue", "freckles"]) == 0
    with open_catalog(mira) as catalog:
        rules = rules_of(catalog, "Mira")
    assert (rules.imbued, rules.suffix) == (("hat", "freckles"), "grain")


def test_a_tag_of_five_thousand_letters_makes_no_table_wide(mira: Home, run: Run, read: Read) -> None:
    long = "x" * 5_000
    assert run("tags", "add", "Mira", long).returncode == 0
    assert run("rules", "set", "Mira", "--imbue", long).returncode == 0
    listed = run("tags", "list", "Mira").stdout
    assert max(map(len, listed.splitlines())) < 250 and f"{'x' * 57}...  " in listed
    assert long in [item["tag"] for item in read("tags", "list", "Mira")]
    assert max(map(len, run("rules", "show", "Mira").stdout.splitlines())) < 200


def test_caption_files_are_exported_word_for_word_when_they_are_taken_whole(
    home: Home, tmp_path: Path, run: Run, read: Read
) -> None:
    from PIL import Image

    texts = ["ohwxdog, corgi, running", r"ohwxdog, foo\(bar\), a, a", "a corgi, its tongue out, in the sun"]
    (tmp_path / "dogs").mkdir()
    for number, text in enumerate(texts):
        Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / f"dogs/{number}.png")
        (tmp_path / f"dogs/{number}.txt").write_text(f"{text}\n", encoding="utf-8")
    run("subject", "add", "Dog", "--trigger", "ohwxdog")
    told = run("import", "Dog", str(tmp_path / "dogs"))
    assert "note: 3 of 3 captions" in told.stderr and "--whole-captions" in told.stderr
    assert read("import", "Dog", str(tmp_path / "dogs"), "--whole-captions")["notes"] == []
    run("role", "set", "Dog", "primary", "all")
    assert run("export", "Dog", str(tmp_path / "out")).returncode == 0
    written = [file.read_bytes().decode() for file in (tmp_path / "out").glob("*/*.txt")]
    assert sorted(written) == sorted(f"{text}\n" for text in texts)


def test_taking_rules_in_tells_how_many_captions_are_written_by_hand_even_where_others_change(
    run: Run, read: Read, mira: Home, tmp_path: Path
) -> None:
    file = tmp_path / "undesired.txt"
    file.write_text("freckles", encoding="utf-8")
    read("caption", "set", "Mira", "name:0.png", "Mirvok with freckles")
    tried = read("rules", "import", "Mira", str(file), "--dry-run")
    assert (tried["captions_changed"], tried["written"]) == (1, 1)
    assert tried["remarks"] == ["1 of 2 captions is written by hand: rules don't change them."]
    done = run("rules", "import", "Mira", str(file))
    assert "note: 1 of 2 captions is written by hand" in done.stderr
    assert "`loratui caption set Mira QUERY --computed` gives it back to the rules." in done.stderr
    assert "1 caption is written by hand" in run("rules", "set", "Mira", "--keep", "freckles").stderr


def test_rules_that_change_nothing_for_captions_written_by_hand_say_so(run: Run, tmp_path: Path) -> None:
    run("subject", "add", "Mira", "--trigger", "Mirvok")
    Image.radial_gradient("L").save(tmp_path / "one.png")
    run("import", "Mira", str(tmp_path / "one.png"))
    run("caption", "set", "Mira", "all", "photo of Mirvok in the rain")
    done = run("rules", "set", "Mira", "--say", "sentence")
    assert "0 of 1 caption changed" in done.stdout
    assert "1 caption is written by hand: `loratui caption set Mira QUERY --computed` gives it back" in done.stderr


def test_a_list_of_nothing_but_slips_is_refused_with_what_was_meant(mira: Home, run: Run, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("frekcles,nonsense")
    refused = run("rules", "import", "Mira", str(tmp_path / "list.txt"))
    assert refused.returncode == 5
    assert "'frekcles' matches no picture; did you mean 'freckles'?" in refused.stderr


def test_a_file_or_folder_that_there_is_not_is_not_found(mira: Home, run: Run, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere" / "rules.json")
    assert run("rules", "import", "Mira", missing).returncode == 3
    assert run("rules", "export", "Mira", missing).returncode == 3
