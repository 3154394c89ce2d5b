"""The verbs coverage, overrule and propose, as a person and a script call them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from loratui.captions.importing import import_with_captions
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.cli.root import run
from loratui.config import Settings
from loratui.demo.subject import NAME, draw_demo_pictures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.config import Home


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    draw_demo_pictures(folder)
    return folder


@pytest.fixture
def ask(
    home: Home, demo_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Runs a verb on a library with the demo's subject and gives its JSON."""
    with open_catalog(home) as catalog:
        add_subject(catalog, NAME, NAME)
        import_with_captions(catalog, NAME, [demo_folder], Settings())
    monkeypatch.setenv("LORATUI_HOME", str(home.data))
    capsys.readouterr()

    def run_verb(*arguments: str) -> Any:
        assert run([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run_verb


def test_a_proposal_is_shown_then_accepted_then_undone(ask: Callable[..., Any]) -> None:
    shown = ask("propose", NAME, "--primary", "4", "--supporting", "6")
    assert (len(shown["primary"]), len(shown["supporting"])) == (4, 6)
    assert (shown["accepted"], shown["changed"], shown["changes"]) == (False, 0, 10)
    assert not any(picture["role"] != "inbox" for picture in ask("picture", "list", NAME))
    accepted = ask("propose", NAME, "--primary", "4", "--supporting", "6", "--accept")
    assert (accepted["accepted"], accepted["changed"]) == (True, 10)
    assert accepted["primary"] == shown["primary"]
    (copy,) = [skip for skip in shown["skipped"] if skip["name"] == "selfie_1.png"]
    assert copy["reason"]
    roles = [picture["role"] for picture in ask("picture", "list", NAME)]
    assert (roles.count("primary"), roles.count("supporting")) == (4, 6)
    ask("undo")
    assert not any(picture["role"] != "inbox" for picture in ask("picture", "list", NAME))


def test_the_proposal_reads_as_a_table_with_reasons(
    ask: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["propose", NAME, "--primary", "2", "--supporting", "3"]) == 0
    said = capsys.readouterr()
    assert "a good view: as a portrait from the front" in said.out
    assert "2 primary, 3 supporting" in said.out
    assert "--accept" in said.err


def test_an_accepted_proposal_tells_where_it_leaves_the_balance_and_which_verb_is_next(
    ask: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("propose", NAME, "--primary", "4", "--supporting", "6")["next"] is None
    assert run(["propose", NAME, "--primary", "4", "--supporting", "6", "--accept"]) == 0
    said = capsys.readouterr().err
    assert f"Primary to supporting is 1.67, not 2: `loratui balance {NAME} --apply` makes it 2.00." in said
    ask("balance", NAME, "--apply")
    again = ask("propose", NAME, "--primary", "4", "--supporting", "6", "--accept")
    assert again["next"].startswith(
        f"Primary to supporting is 2.00, about 2 as it should be; `loratui coverage {NAME}`"
    )
    alone = ask("propose", NAME, "--primary", "4", "--supporting", "0", "--again", "--accept")
    assert alone["next"].startswith("There is no supporting picture")


def test_coverage_tells_needs_samey_pictures_and_evenness_with_the_pictures_behind_each(
    ask: Callable[..., Any],
) -> None:
    ask("role", "set", NAME, "primary", "-name:supporting*")
    told = ask("coverage", NAME)
    assert {cell["facet"] for cell in told["cells"]} == {
        "angle",
        "expression",
        "background",
        "lighting",
        "clothing",
    }
    by_facet = {spread["facet"]: spread for spread in told["entropy"]}
    assert 0 < by_facet["framing x angle"]["evenness"] < by_facet["expression"]["evenness"] <= 1
    (side,) = [need for need in told["needed"] if need["value"] == "back"]
    assert side["words"] == "pictures from behind: there is none"
    assert side["pictures"] == []
    assert "supporting_06.png" in {picture["name"] for picture in side["inbox"]}
    copies = {skip["name"]: cluster["keep"]["name"] for cluster in told["samey"] for skip in cluster["skip"]}
    assert copies["download_1.jpg"] == "primary_03.png"
    assert run(["coverage", NAME]) == 0


def test_a_cell_is_overruled_and_the_captions_follow(ask: Callable[..., Any]) -> None:
    told = ask("overrule", NAME, "name:primary_01", "--framing", "full body", "--angle", "profile")
    assert told == {
        "changed": {"framing": 1, "angle": 1},
        "removed": {"portrait": 1, "facing viewer": 1},
        "contradictions": [],
    }
    (shown,) = ask("caption", "show", NAME, "name:primary_01")
    assert "full body" in shown["caption"] and "profile" in shown["caption"]
    assert "portrait" not in shown["caption"] and "facing viewer" not in shown["caption"]


def test_a_caption_written_by_hand_that_contradicts_a_verdict_is_named_with_the_verbs_that_mend_it(
    ask: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"photo of {NAME} in profile"
    ask("caption", "set", NAME, "name:primary_01", text)
    (told,) = ask("overrule", NAME, "name:primary_01", "--angle", "back")["contradictions"]
    assert (told["name"], told["words"], told["written"]) == ("primary_01.png", ["profile"], True)
    ask("undo")
    assert run(["overrule", NAME, "name:primary_01", "--angle", "back"]) == 0
    said = capsys.readouterr()
    assert "Not said any more: facing viewer (1)." in said.out
    assert "warning: the caption of primary_01.png, written by hand, still says 'profile'." in said.err
    assert f"`loratui caption set {NAME} QUERY --computed`" in said.err
    (shown,) = ask("caption", "show", NAME, "name:primary_01")
    assert shown["caption"] == text


@pytest.mark.parametrize("said", [[], ["--framing", "bust"], ["--angle", "side", "--lighting", "loud"]])
def test_a_wrong_word_is_refused_before_anything_changes(
    ask: Callable[..., Any], capsys: pytest.CaptureFixture[str], said: list[str]
) -> None:
    before = ask("caption", "show", NAME)
    assert run(["overrule", NAME, "", *said]) == 2
    capsys.readouterr()
    assert ask("caption", "show", NAME) == before


def test_a_word_that_changes_nothing_says_why_and_several_are_one_step(
    ask: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    ask("overrule", NAME, "name:primary_01", "--framing", "full body", "--angle", "profile")
    assert run(["overrule", NAME, "name:primary_01", "--framing", "full body"]) == 0
    assert "1 picture showed framing full body already." in capsys.readouterr().out
    assert run(["overrule", NAME, "name:nothing", "--framing", "full body"]) == 0
    assert f"No picture of {NAME} matches name:nothing:" in capsys.readouterr().out
    ask("undo")
    (shown,) = ask("caption", "show", NAME, "name:primary_01")
    assert "full body" not in shown["caption"] and "profile" not in shown["caption"]
