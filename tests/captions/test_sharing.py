"""Rules as files: taken in, written, shared between subjects, and what their entries find."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from loratui.captions import sharing
from loratui.captions.counts import CaptionBook, read_book
from loratui.captions.matching import match_entries, spell_out, tell_unmatched
from loratui.captions.rules import CaptionRules, default_rules, parse_rules
from loratui.captions.ruletext import parse_settings
from loratui.captions.service import captions_of, change_rules, rules_of
from loratui.captions.sharing import (
    export_rules,
    format_rules,
    import_rules,
    parse_rules_text,
    read_rules_file,
    rules_of_other,
    write_rules_file,
)
from loratui.catalog.edits import add_tags, set_rules, store_tag_scores
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.errors import ConflictError, LoratuiError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loratui.captions.sharing import Mode
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """Mira with two tagged pictures, Nora and the style Ink with none."""
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        add_subject(opened, "Nora", "Norvok")
        add_subject(opened, "Ink", "inkvok", kind="style")
        for number in range(2):
            Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / f"{number}.png")
        import_pictures(opened, "Mira", [tmp_path / f"{number}.png" for number in range(2)])
        add_tags(opened, "Mira", "", ["blue eyes", "freckles"])
        add_tags(opened, "Mira", "name:0.png", ["long hair", "Grey Eyes"])
        yield opened


def take(catalog: Catalog, text: str, **options: object) -> dict[str, int]:
    """Import a list for Mira; returns what each entry found."""
    result = import_rules(catalog, "Mira", parse_rules_text(text, "a list"), **options)  # type: ignore[arg-type]
    return {match.entry: match.pictures for match in result.matches}


def test_a_list_with_the_articles_mistake_is_taken_in_and_each_entry_tells_what_it_found(
    catalog: Catalog, tmp_path: Path
) -> None:
    file = tmp_path / "undesired.txt"
    file.write_text("1girl, blue eyes, Freckles, long_hairs\n", encoding="utf-8")
    result = import_rules(catalog, "Mira", read_rules_file(file))
    assert {match.entry: match.pictures for match in result.matches} == {
        "1girl": 0,
        "blue eyes": 2,
        "freckles": 2,
        "long hairs": 0,
    }
    assert any("had a space after the comma" in remark for remark in result.remarks)
    assert tell_unmatched(result.matches) == [
        "'1girl' matches no picture.",
        "'long hairs' matches no picture; did you mean 'long hair'?",
    ]
    assert [*captions_of(catalog, "Mira").values()] == ["photo of Mirvok, long hair, Grey Eyes", "photo of Mirvok"]
    assert result.preview.changed == 2


def test_taking_rules_in_is_one_step_and_a_dry_run_is_none(catalog: Catalog) -> None:
    before, steps = captions_of(catalog, "Mira"), len(history(catalog, 100))
    assert take(catalog, "freckles", dry_run=True) == {"freckles": 2}
    assert captions_of(catalog, "Mira") == before and len(history(catalog, 100)) == steps
    take(catalog, "freckles")
    after = captions_of(catalog, "Mira")
    assert after != before
    assert undo(catalog).label == "Mira: caption rules from a list"
    assert captions_of(catalog, "Mira") == before
    redo(catalog)
    assert captions_of(catalog, "Mira") == after


def test_a_list_is_added_to_what_is_imbued_or_put_in_its_place(catalog: Catalog) -> None:
    change_rules(catalog, "Mira", {"imbued": ["* eyes", "Freckles"], "suffix": "grain"})
    take(catalog, "freckles, hat")
    assert rules_of(catalog, "Mira").imbued == ("* eyes", "Freckles", "hat")
    take(catalog, "hat", mode="replace")
    assert rules_of(catalog, "Mira").imbued == ("hat",)
    assert rules_of(catalog, "Mira").suffix == "grain"


def test_patterns_are_spelled_out_for_kohya(catalog: Catalog) -> None:
    change_rules(catalog, "Mira", {"imbued": ["* eyes", "freckles", "not_there"]})
    text, remarks = export_rules(catalog, "Mira", "kohya")
    assert text == "blue eyes,grey eyes,freckles,not there\n"
    assert len(remarks) == 1 and "* eyes" in remarks[0]
    assert export_rules(catalog, "Mira", "kohya", remove_underscore=False)[0] == (
        "blue_eyes,grey_eyes,freckles,not_there\n"
    )


def test_all_rules_go_to_another_subject_by_a_file_or_straight(catalog: Catalog, tmp_path: Path) -> None:
    wanted = {"imbued": ["* eyes"], "order": "alphabetical", "aliases": {"smile": ["smiling"]}, "max_tokens": 60}
    change_rules(catalog, "Mira", wanted)
    file = tmp_path / "rules.json"
    write_rules_file(file, export_rules(catalog, "Mira", "json")[0])
    import_rules(catalog, "Nora", read_rules_file(file))
    assert rules_of(catalog, "Nora") == rules_of(catalog, "Mira")
    # What was never set follows the kind: a style keeps its own prefix.
    import_rules(catalog, "Ink", rules_of_other(catalog, "Mira"))
    assert rules_of(catalog, "Ink") == parse_rules(wanted, "style")
    undo(catalog)
    import_rules(catalog, "Ink", read_rules_file(file), mode="replace")
    assert rules_of(catalog, "Ink").prefix == "{trigger},"


def test_added_rules_keep_what_is_there_and_replacing_ones_do_not(catalog: Catalog) -> None:
    given = parse_rules_text(json.dumps({"renames": {"1girl": "woman"}, "suffix": "ink"}), "rules")
    change_rules(catalog, "Nora", {"renames": {"1boy": "man"}, "always_first": ["close-up"]})
    import_rules(catalog, "Nora", given)
    rules = rules_of(catalog, "Nora")
    assert (rules.renames, rules.always_first, rules.suffix) == (
        {"1boy": "man", "1girl": "woman"},
        ("close-up",),
        "ink",
    )
    import_rules(catalog, "Nora", given, mode="replace")
    assert rules_of(catalog, "Nora").always_first == ()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    write_rules_file(file, "{}")
    with pytest.raises(ConflictError, match="is there already"):
        write_rules_file(file, "[]")
    assert file.read_text() == "{}"
    write_rules_file(file, "{}", overwrite=True)
    for wrong in (file / "inside.json", tmp_path):
        with pytest.raises(RefusedError):
            write_rules_file(wrong, "[]", overwrite=True)
    with pytest.raises(NotFoundError, match="There is no folder"):
        write_rules_file(tmp_path / "absent" / "rules.json", "[]", overwrite=True)
    assert file.read_text(encoding="utf-8") == "{}"
    assert [path.name for path in tmp_path.iterdir()] == ["rules.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        ", ,",
        "{",
        '{"prefx": ""}',
        '{"imbued": 3}',
        '{"format": "loratui caption rules", "version": 99, "rules": {}}',
        '{"format": "loratui caption rules", "version": 1, "rules": 3}',
        "[1, 2]",
        "[" * 100_000,
    ],
)
def test_what_is_no_rules_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(LoratuiError) as caught:
        parse_rules_text(text, "a file")
    assert isinstance(caught.value, UsageError | RefusedError)
    assert caught.value.hint


def test_rules_that_make_a_circle_here_change_nothing(catalog: Catalog) -> None:
    change_rules(catalog, "Nora", {"renames": {"hat": "cap"}})
    with pytest.raises(UsageError, match="circle"):
        import_rules(catalog, "Nora", parse_rules_text('{"renames": {"cap": "hat"}}', "rules"))
    assert rules_of(catalog, "Nora").renames == {"hat": "cap"}


UNPRINTABLE = ["red\nhat\x1b[31m", "\ud800", "hat\tcap", "hat\u202ecap"]


@pytest.mark.parametrize("text", UNPRINTABLE)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: {"renames": {"hat": text}},
        lambda text: {"renames": {text: "hat"}},
        lambda text: {"aliases": {"hat": [text]}},
        lambda text: {"suffix": text},
        lambda text: [text],
    ],
)
def test_a_file_with_text_that_cannot_be_printed_is_refused_by_name(text: str, wrap: Callable[[str], object]) -> None:
    with pytest.raises(UsageError, match=r"^rules\.json: The caption rule \w+ can't have '") as caught:
        parse_rules_text(json.dumps(wrap(text)), "rules.json")
    assert f"{caught.value.message} {caught.value.hint}".isprintable()


@pytest.mark.parametrize("text", UNPRINTABLE)
def test_text_that_cannot_be_printed_gets_into_no_rule_and_no_caption(catalog: Catalog, text: str) -> None:
    for changes in ({"suffix": text}, {"renames": {"freckles": text}}, {"implications": {"hat": [text]}}):
        with pytest.raises(UsageError, match="can't be printed"):
            change_rules(catalog, "Mira", changes)
        with pytest.raises(UsageError, match="can't be printed"):
            read_book(catalog, "Mira").with_rules(changes)
    # A library may have it from elsewhere.
    if "\ud800" not in text:
        set_rules(catalog, "Mira", {"renames": {"freckles": text}, "suffix": text})
        assert all(caption.isprintable() for caption in captions_of(catalog, "Mira").values())


def test_a_rule_at_its_default_is_set_where_a_file_names_it_and_an_export_leaves_it(catalog: Catalog) -> None:
    change_rules(catalog, "Mira", {"max_tokens": 50, "suffix": "grain"})
    import_rules(catalog, "Mira", parse_rules_text('{"max_tokens": 75}', "rules"))
    assert (rules_of(catalog, "Mira").max_tokens, rules_of(catalog, "Mira").suffix) == (75, "grain")
    import_rules(catalog, "Mira", parse_rules_text(export_rules(catalog, "Nora", "json")[0], "rules"))
    assert rules_of(catalog, "Mira").suffix == "grain"


@pytest.mark.parametrize(("mode", "imbued"), [("add", ("hat", "freckles")), ("replace", ("freckles",))])
def test_a_rule_that_another_writer_sets_meanwhile_stays(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, mode: Mode, imbued: tuple[str, ...]
) -> None:
    def read_while_another_writes(catalog: Catalog, subject: Subject) -> CaptionBook:
        book = read_book(catalog, subject)
        change_rules(catalog, subject, {"imbued": ["hat"], "suffix": "grain"})
        return book

    monkeypatch.setattr(sharing, "read_book", read_while_another_writes)
    import_rules(catalog, "Mira", parse_rules_text("freckles", "a list"), mode=mode)
    assert (rules_of(catalog, "Mira").imbued, rules_of(catalog, "Mira").suffix) == (imbued, "grain")


PROSE = "Well, this is a letter, and not a list, of anything; it goes on, and on, until the end."


@pytest.mark.parametrize("text", [PROSE, '["zebra", "gnu"]', '{"imbued": ["zebra"]}'])
def test_a_list_of_which_no_entry_is_a_tag_is_refused_unless_it_is_meant(catalog: Catalog, text: str) -> None:
    given = parse_rules_text(text, "letter.txt")
    for dry_run in (True, False):
        with pytest.raises(RefusedError, match=r"of letter\.txt is (a|no) tag of Mira: '(well|zebra)") as caught:
            import_rules(catalog, "Mira", given, must_match=True, dry_run=dry_run)
        assert "--anyway" in caught.value.hint
    assert rules_of(catalog, "Mira").imbued == ()
    assert import_rules(catalog, "Mira", given).rules.imbued
    # Without tags nothing can match, and other rules count for themselves.
    assert import_rules(catalog, "Nora", given, must_match=True).rules.imbued
    more = parse_rules_text('{"imbued": ["gnu"], "suffix": "grain"}', "rules")
    assert import_rules(catalog, "Mira", more, must_match=True).rules.suffix == "grain"
    one_matches = parse_rules_text("gnu, okapi, freckles", "list")
    assert import_rules(catalog, "Mira", one_matches, must_match=True).matches[-1].pictures == 2


def test_the_only_entry_of_a_list_is_said_to_be_no_tag_when_it_is_none(catalog: Catalog) -> None:
    with pytest.raises(RefusedError, match=r"^The only entry of one\.txt is no tag of Mira: 'foo'\.$"):
        import_rules(catalog, "Mira", parse_rules_text("foo\n", "one.txt"), must_match=True)
    with pytest.raises(RefusedError, match=r"^Not one of the 2 entries of two\.txt is a tag of Mira: 'foo', 'bar'\.$"):
        import_rules(catalog, "Mira", parse_rules_text("foo, bar\n", "two.txt"), must_match=True)


def test_entries_with_semicolons_between_are_told_that_commas_separate_them(catalog: Catalog) -> None:
    told = "entries are separated by commas"
    with pytest.raises(RefusedError) as caught:
        import_rules(catalog, "Mira", parse_rules_text("blue eyes; freckles;hat", "list"), must_match=True)
    assert f"'blue eyes; freckles;hat' has a semicolon in it: {told}" in caught.value.hint
    for text in ("freckles, hat;cap", '["freckles", "hat; cap"]'):
        remarks = import_rules(catalog, "Mira", parse_rules_text(text, "list"), dry_run=True).remarks
        assert any(told in remark for remark in remarks)
    add_tags(catalog, "Mira", "", ["hat;cap"])
    for text in ("hat;cap", "freckles,;d,>;)"):
        assert not import_rules(catalog, "Mira", parse_rules_text(text, "list"), dry_run=True).remarks


@pytest.mark.parametrize("text", ["null", " null\n", "true", "false", "12", "-3.5", "\ufeffnull"])
def test_json_that_is_no_list_is_no_tag_either(text: str) -> None:
    with pytest.raises(RefusedError, match=f"holds {text.strip(chr(0xFEFF)).strip()}, which is no rules"):
        parse_rules_text(text, "rules.json")


def test_rules_that_can_not_be_read_are_not_called_captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError) as caught:
        read_rules_file(tmp_path)
    assert caught.value.hint == "Rules are read from plain files."
    (tmp_path / "binary").write_bytes(b"a\0b")
    with pytest.raises(RefusedError) as caught:
        read_rules_file(tmp_path / "binary")
    assert "Rules are plain text" in caught.value.hint
    monkeypatch.setattr(sharing, "MAX_RULES_BYTES", 1024)
    (tmp_path / "large").write_text("hat," * 1024)
    with pytest.raises(RefusedError, match="too large for rules"):
        read_rules_file(tmp_path / "large")


def test_entries_that_match_nothing_are_told_in_a_few_sentences(catalog: Catalog) -> None:
    entries = ["nonsense", "freckle", *(f"nonsense {number}" for number in range(5_000))]
    told = tell_unmatched(match_entries(read_book(catalog, "Mira"), entries))
    assert len(told) == 11
    assert told[0] == "'freckle' matches no picture; did you mean 'freckles'?"
    assert told[-1] == "and 4,992 more entries match no picture."
    assert all(
        len(sentence) < 120 for sentence in tell_unmatched(match_entries(read_book(catalog, "Mira"), ["x" * 5_000]))
    )


def test_rules_taken_in_that_lose_the_trigger_say_so(catalog: Catalog) -> None:
    (remark,) = import_rules(catalog, "Mira", parse_rules_text('{"prefix": "a photo,"}', "rules")).remarks
    assert remark.startswith("neither prefix nor suffix says the trigger Mirvok: 2 of 2 captions lack it.")


def test_a_tag_list_in_json_is_imbued() -> None:
    assert parse_rules_text('["blue eyes", "freckles"]', "x").values == {"imbued": ["blue eyes", "freckles"]}


TAGS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)
LISTS = st.lists(TAGS, max_size=3)
RULES = st.builds(
    CaptionRules,
    prefix=st.sampled_from(["photo of {trigger},", "{trigger},", "a {class_word},"]),
    imbued=LISTS.map(tuple),
    always_first=LISTS.map(tuple),
    order=st.sampled_from(["score", "alphabetical"]),
    drop_overlaps=st.sampled_from(["scored", "all", "no"]),
    max_tokens=st.integers(0, 200),
    implications=st.dictionaries(TAGS, LISTS.map(tuple), max_size=2),
    meta_tags=st.booleans(),
)


@given(RULES, st.sampled_from(["character", "style"]))
def test_rules_come_out_of_a_file_as_they_went_in(rules: CaptionRules, kind: str) -> None:
    given = parse_rules_text(format_rules(rules, kind), "rules")
    assert parse_rules(given.values, kind) == rules
    assert all(given.values[name] != default_rules(kind).to_dict()[name] for name in given.values)


def test_an_entry_finds_tags_by_pattern_alias_and_spelling(catalog: Catalog) -> None:
    (picture,) = select_memberships(catalog, "Mira", "name:1.png")
    store_tag_scores(catalog, picture.picture_id, "wd", [("straw_hat", "general", 0.9)])
    change_rules(catalog, "Mira", {"aliases": {"grey eyes": ["gray eyes"]}})
    book = read_book(catalog, "Mira")
    found = {match.entry: match for match in match_entries(book, ["* eyes", "gray_eyes", "Straw Hat", "* eye", "xyz"])}
    assert (found["* eyes"].pictures, set(found["* eyes"].tags)) == (2, {"blue eyes", "grey eyes"})
    assert (found["gray_eyes"].pictures, found["gray_eyes"].tags) == (1, ("grey eyes",))
    assert (found["Straw Hat"].pictures, found["Straw Hat"].tags) == (1, ("straw hat",))
    assert set(found["* eye"].near) == {"blue eyes", "grey eyes"} and found["xyz"].near == ()
    assert spell_out(book, ["* eyes", "Blue_eyes", "hat"]) == ["blue eyes", "grey eyes", "hat"]


def test_rules_are_read_as_people_type_them() -> None:
    typed = ["imbued=freckles, * eyes", "prefix=photo of {trigger},", "max_tokens=60", "meta_tags=yes"]
    typed += ["renames=1girl=woman; 1boy=man", "aliases=grey eyes=gray eyes, grey-eyed", "general_threshold=0.5"]
    assert parse_settings(typed) == {
        "imbued": ["freckles", "* eyes"],
        "prefix": "photo of {trigger},",
        "max_tokens": 60,
        "meta_tags": True,
        "renames": {"1girl": "woman", "1boy": "man"},
        "aliases": {"grey eyes": ["gray eyes", "grey-eyed"]},
        "general_threshold": 0.5,
    }
    for wrong in ("imbued", "prefx=a", "renames=hat"):
        with pytest.raises(UsageError):
            parse_settings([wrong])
    with pytest.raises(UsageError):
        parse_rules(parse_settings(["max_tokens=many"]), "character")
