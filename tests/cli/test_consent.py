"""Consent and ratings on the command line."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.edits import store_tag_scores
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.cli.root import run
from loratui.config import find_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a verb in a library of its own: exit code, stdout, stderr."""
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "home"))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def ada(verb: Callable[..., tuple[int, str, str]], tmp_path: Path) -> str:
    """A person with one primary picture."""
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "a.png")
    verb("subject", "add", "Ada", "--trigger", "adatok", "--kind", "person")
    verb("import", "Ada", str(tmp_path / "a.png"))
    verb("role", "set", "Ada", "primary", "all")
    return "Ada"


def test_consent_is_recorded_and_withdrawn(verb: Callable[..., tuple[int, str, str]], ada: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    code, _, err = verb("export", ada, out)
    assert (code, "no consent is recorded" in err, "subject consent Ada" in err) == (5, True, True)
    tomorrow = str(date.today() + timedelta(days=2))
    code, _, err = verb("subject", "consent", ada, "--by", "Ada", "--scope", "training", "--on", tomorrow)
    assert (code, "can't be the day" in err) == (2, True)
    assert verb("subject", "consent", ada)[0] == 2
    code, said, _ = verb("subject", "consent", ada, "--by", "Ada", "--scope", "training", "--note", "blue folder")
    assert (code, "blue folder" in said) == (0, True)
    assert verb("export", ada, out)[0] == 0
    assert verb("subject", "consent", ada, "--withdraw", "--by", "Ada")[0] == 2
    code, said, _ = verb("subject", "consent", ada, "--withdraw", "--json")
    assert json.loads(said)["consent"]["withdrawn_at"]
    code, _, err = verb("export", ada, str(tmp_path / "again"))
    assert (code, "withdrawn" in err) == (5, True)
    assert verb("train", ada)[0] == 5
    code, _, err = verb("undo")
    assert (code, "in force again" in err, "loratui undo --consent" in err) == (5, True, True)
    assert verb("export", ada, out)[0] == 5
    code, said, err = verb("undo", "--consent")
    assert (code, "Undone: withdraw consent for Ada (of 2" in said, "is in force again" in err) == (0, True, True)
    assert verb("export", ada, out)[0] == 0
    assert verb("redo")[0] == 0
    assert verb("export", ada, out)[0] == 5


def test_earlier_consents_are_shown_as_json(verb: Callable[..., tuple[int, str, str]], ada: str) -> None:
    verb("subject", "consent", ada, "--by", "Ada", "--scope", "training")
    verb("subject", "consent", ada, "--withdraw", "--note", "by mail")
    code, said, _ = verb("subject", "consent", ada, "--by", "Ada", "--scope", "publishing")
    assert (code, "publishing" in said, "history" in said) == (0, True, False)
    consent = json.loads(verb("subject", "show", ada, "--json")[1])["consent"]
    assert (consent["scope"], [entry["scope"] for entry in consent["history"]]) == ("publishing", ["training"] * 2)
    assert [bool(entry.get("withdrawn_at")) for entry in consent["history"]] == [False, True]


def test_an_unfit_picture_is_named_with_what_to_do(
    verb: Callable[..., tuple[int, str, str]], ada: str, tmp_path: Path
) -> None:
    verb("subject", "consent", ada, "--by", "Ada", "--scope", "training")
    with open_catalog(find_home()) as catalog:
        (member,) = select_memberships(catalog, ada)
        store_tag_scores(catalog, member.picture_id, "wd@1/p1", [("explicit", "rating", 0.9)])
    for arguments in (["train", ada], ["export", ada, str(tmp_path / "out")]):
        code, _, err = verb(*arguments, "--json")
        told = json.loads(err)["error"]
        assert (code, told["code"]) == (5, "refused")
        assert "a.png (rated explicit, and Ada is a person)" in told["message"]
        assert f"rejected sha:{member.sha256[:12]}" in told["hint"]
        why = "rated explicit, and Ada is a person"
        assert told["unfit"] == [{"name": "a.png", "sha256": member.sha256, "why": why}]
    verb("subject", "add", "Style", "--trigger", "styletok", "--kind", "style")
    code, said, _ = verb("import", "Style", str(tmp_path / "a.png"), "--json")
    assert code == 5
    assert "Ada is a person" in json.loads(said)["refused"][0]["reason"]
    assert [item["name"] for item in json.loads(verb("picture", "list", ada, "rated:explicit", "--json")[1])] == [
        "a.png"
    ]


def test_a_caption_that_no_person_may_have_is_warned_of_and_named(
    verb: Callable[..., tuple[int, str, str]], ada: str, tmp_path: Path
) -> None:
    verb("subject", "consent", ada, "--by", "Ada", "--scope", "training")
    code, _, err = verb("caption", "set", ada, "all", "adatok, topless")
    assert (code, "can't say topless, and Ada is a person" in err, "change the caption" in err) == (0, True, True)
    code, _, err = verb("export", ada, str(tmp_path / "out"))
    assert (code, "its caption says topless" in err, "caption set Ada" in err) == (5, True, True)
    code, _, err = verb("subject", "edit", ada, "--kind", "object")
    assert (code, "Ada stays a person: it has pictures and a record of consent" in err) == (5, True)
    assert verb("caption", "set", ada, "all", "adatok in the rain")[2].count("can't say") == 0
    assert verb("export", ada, str(tmp_path / "out"))[0] == 0


def test_a_sexual_tag_of_a_person_is_warned_of_when_it_is_added(
    verb: Callable[..., tuple[int, str, str]], ada: str
) -> None:
    said = "The captions of Ada can't say nude, and Ada is a person."
    code, out, _ = verb("tags", "add", ada, "nude", "--json")
    assert code == 0
    assert [note[: len(said)] for note in json.loads(out)["notes"]] == [said]
    code, out, err = verb("caption", "tag", ada, "all", "--add", "nud3")
    assert (code, f"warning: {said}" in err) == (0, True)
    assert json.loads(verb("tags", "add", ada, "smile", "--json")[1])["notes"] == []


def test_an_import_for_a_person_without_consent_says_so_and_goes_on(
    verb: Callable[..., tuple[int, str, str]], ada: str, tmp_path: Path
) -> None:
    Image.radial_gradient("L").convert("RGB").save(tmp_path / "b.png")
    Image.radial_gradient("L").rotate(90).convert("L").save(tmp_path / "c.png")
    code, out, _ = verb("import", ada, str(tmp_path / "b.png"), "--json")
    assert (code, json.loads(out)["imported"]) == (0, 1)
    (warning,) = json.loads(out)["warnings"]
    assert warning.startswith("'Ada' is a person, and no consent is recorded: ")
    assert "`loratui subject consent Ada --by WHO --scope SCOPE`" in warning
    assert json.loads(verb("import", ada, str(tmp_path / "b.png"), "--json")[1])["warnings"] == []
    verb("subject", "consent", ada, "--by", "Ada", "--scope", "training")
    assert "is a person" not in verb("import", ada, str(tmp_path / "c.png"))[2]
    verb("subject", "consent", ada, "--withdraw")
    verb("subject", "add", "Cavixo", "--trigger", "cavixo")
    code, _, err = verb("import", "Cavixo", str(tmp_path / "a.png"), str(tmp_path / "b.png"))
    assert (code, err.count("'Ada' is a person who has some of these pictures too")) == (0, 1)
    assert "the consent was withdrawn" in err


def test_a_withdrawn_consent_is_not_passed_by_through_another_subject(
    verb: Callable[..., tuple[int, str, str]], ada: str, tmp_path: Path
) -> None:
    verb("subject", "consent", ada, "--by", "Ada", "--scope", "training")
    verb("subject", "add", "Cavixo", "--trigger", "cavixo")
    verb("import", "Cavixo", str(tmp_path / "a.png"))
    verb("role", "set", "Cavixo", "primary", "all")
    verb("subject", "consent", ada, "--withdraw")
    code, _, err = verb("subject", "consent", ada, "--withdraw")
    assert (code, "already withdrawn on" in err) == (3, True)
    for arguments in (["train", "Cavixo"], ["export", "Cavixo", str(tmp_path / "out")]):
        code, _, err = verb(*arguments, "--json")
        told = json.loads(err)["error"]
        assert (code, told["code"]) == (5, "refused")
        assert [each["name"] for each in told["unfit"]] == ["a.png"]
        assert "Ada is a person who has it too, and the consent was withdrawn" in told["unfit"][0]["why"]
    code, out, _ = verb("train", "Cavixo", "--dry-run", "--json")
    assert not json.loads(out)["can_start"]
    assert "shared_consent" in [blocker["code"] for blocker in json.loads(out)["blockers"]]
    verb("subject", "consent", ada, "--by", "Ada", "--scope", "training")
    assert verb("export", "Cavixo", str(tmp_path / "out"))[0] == 0


def test_removing_a_person_tells_what_goes_and_no_training_is_denied(
    verb: Callable[..., tuple[int, str, str]], ada: str
) -> None:
    verb("subject", "consent", ada, "--by", "Ada", "--scope", "training")
    assert "No trainings yet" in verb("run", "list")[1] + verb("run", "list")[2]
    assert "No trainings of Ada." in "".join(verb("run", "list", ada)[1:])
    with open_catalog(find_home()) as catalog, catalog.write() as connection:
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('run', 1)")
    assert "come back with them: `loratui undo`" in "".join(verb("run", "list")[1:])
    code, said, _ = verb("subject", "remove", ada)
    assert (code, said) == (
        0,
        "Removed Ada, with 1 picture and the record of consent. `loratui undo` brings it back.\n",
    )
