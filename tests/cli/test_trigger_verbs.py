"""The verbs about trigger words, in real processes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from loratui.captions.tokens import find_clip_tokenizer
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from loratui.config import Home

    from .conftest import Read, Run


def test_a_word_is_checked_against_tags_and_other_subjects(home: Home, run: Run, read: Read) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "miravel")
    taken = run("trigger", "check", "miravel", "--json")
    assert taken.returncode == 4
    report = json.loads(taken.stdout)
    assert (report["free"], report["good"], report["owner"]) == (False, False, "Mira")
    assert read("trigger", "check", "miravel", "--subject", "Mira")["good"]
    assert "tag" in {warning["code"] for warning in read("trigger", "check", "red eyes")["warnings"]}
    if find_clip_tokenizer():
        assert read("trigger", "check", "zaruvex")["tokens"] == ["zar", "u", "vex"]
    assert "nothing speaks against it" in run("trigger", "check", "zaruvex").stdout
    assert run("trigger", "check", "a, b").returncode == 2
    worn = run("trigger", "check", "ohwx")
    assert worn.returncode == 0
    assert "worn_word: 'ohwx' is the trigger of so many LoRAs" in worn.stdout
    assert "common word" not in worn.stdout
    if find_clip_tokenizer():
        cat = run("trigger", "check", "猫")
        assert cat.stdout.startswith("猫: <E7> + <8C> + <AB>\n")
        assert "bytes of letters" in cat.stderr


def test_the_tagger_of_the_settings_tells_which_names_are_known(home: Home, read: Read) -> None:
    tagger = home.data / "tagger"
    tagger.mkdir(parents=True)
    rows = "tag_id,name,category,count\n9999999,general,9,1\n1,zaruvex_(game),4,1\n"
    (tagger / "selected_tags.csv").write_text(rows)
    (home.data / "config.toml").write_text(f"tagger = {json.dumps(str(tagger))}\n")
    codes = [warning["code"] for warning in read("trigger", "check", "zaruvex")["warnings"]]
    assert codes == ["character"]


def test_suggested_words_pass_the_check_and_make_subjects(home: Home, read: Read) -> None:
    found = read("trigger", "suggest", "--like", "Zaru", "--count", "3")
    assert len(found) == 3
    word = found[0]["word"]
    assert word.startswith("zar")
    assert read("trigger", "check", word)["good"]
    assert read("subject", "add", "Zaru", "--trigger", word)["warnings"] == []
    assert word not in {one["word"] for one in read("trigger", "suggest", "--like", "Zaru", "--count", "3")}


def test_a_subject_without_a_trigger_is_told_free_words(home: Home, run: Run, read: Read) -> None:
    done = run("subject", "add", "Zaru")
    assert done.returncode == 2
    assert "--trigger" in done.stderr
    assert "trigger suggest --like Zaru" in done.stderr
    assert read("subject", "list") == []
