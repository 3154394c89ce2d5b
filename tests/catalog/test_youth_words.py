"""Signs of youth: in other languages, as ages and in sentences; only with something sexual do they refuse anything."""

from __future__ import annotations

import pytest

from loratui.captions.traits import known_tags, load_list
from loratui.catalog.disguises import fold_text
from loratui.catalog.rating_words import find_rating_words, find_said_rating
from loratui.catalog.ratings import refuse_trigger, refuse_words
from loratui.catalog.word_lists import read_words
from loratui.catalog.youth_words import find_youth_words
from loratui.errors import RefusedError

FOREIGN = (
    *("niño", "niña", "NIN\u0303A", "enfant", "девочка"),
    *("子供", "女子高生", "少女", "ロリ", "mädchen", "bambina"),
    *(
        "criança",
        "dziecko",
        "çocuk",
        "meisje",
        "flicka",
        "gyerek",
        "소녀",
        "아이",
        "萝莉",
        "เด็ก",
        "طفلة",
        "ילדה",
        "παιδί",
    ),
)


def refuses(kind: str, text: str) -> bool:
    """Whether the captions of a subject of this kind may not say a text."""
    try:
        refuse_words("Mira", kind, text, "captions")
    except RefusedError:
        return True
    return False


@pytest.mark.parametrize("word", FOREIGN)
def test_a_sign_of_youth_of_another_language_refuses_with_a_sexual_word_and_never_alone(word: str) -> None:
    assert refuses("character", f"mirvok, nude, {word}")
    assert not refuses("character", f"mirvok, {word}, a hat")
    assert not refuses("person", f"mirvok, {word}, a hat")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "youngster, nude",
            "nude, cub",
            "jailbait, naked",
            "pedo, naked",
            "barely legal, naked",
            "childlike body, nude",
        ),
        *("nude, elementary school", "teeneger, naked", "nude, chidren"),
        *("nude teenagar", "lolinude", "childporn"),
        *(
            "nacktes Kind",
            "Kind, nackt",
            "desnuda, niña",
            "desnuda, nina",
            "naakt kind",
            "naken barn",
            "nue, jeune fille",
        ),
    ],
)
def test_signs_of_youth_of_common_speech_are_found(text: str) -> None:
    assert refuses("character", text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "she is 14",
            "she's only 16, in a bed",
            "he was just fifteen",
            "girl of 9 years",
            "13 y.o.",
            "13 y. o.",
            "aged twelve",
        ),
        *(
            "age: 15",
            "age of 12",
            "sixteen",
            "a girl, seventeen.",
            "14 ans",
            "14 años",
            "14 Jahre",
            "14-jährig",
            "14 лет",
        ),
        *("15歳", "十四歳", "14岁", "14살"),
        *("10代", "a 5th grader", "sixth-grader", "under 16", "14 years, smile"),
    ],
)
def test_ages_below_eighteen_are_found_however_they_are_told(text: str) -> None:
    assert find_youth_words(text)
    assert refuses("character", f"naked, {text}")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "she is 5 feet tall",
            "he is 6.5 m away",
            "sixteen columns",
            "chapter fifteen",
            "she is 25",
            "二十歳",
            "25歳",
            "三十代",
        ),
        *(
            "she is one of two",
            "15세기 도자기",
            "a kind of blue, a torpedo",
            "kind eyes, a barn",
            "Nina by the sea",
            "barn, Nina",
        ),
        *("カロリー", "ロリポップ", "아이돌", "正太郎", "25 ans", "ten years ago", "a house of 12 years"),
    ],
)
def test_numbers_names_and_words_that_only_look_alike_are_no_signs_of_youth(text: str) -> None:
    assert find_youth_words(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        *(
            "kid gloves",
            "minor scratches",
            "a baby blue background",
            "D minor",
            "holding a bear cub",
            "enfant terrible",
        ),
        *("Chicago Cubs cap", "baby's breath", "Ursa Minor"),
    ],
)
def test_innocent_phrases_are_no_signs_of_youth_and_hide_none(text: str) -> None:
    assert not refuses("character", f"nude, {text}")
    assert refuses("character", f"nude, {text}, a child")


@pytest.mark.parametrize(
    "text", ["a minor, nude", "a naked baby blue with cold", "nude cub", "nude, wolf cub", "a nude kid"]
)
def test_what_is_said_of_somebody_is_no_innocent_phrase(text: str) -> None:
    assert refuses("character", text)


@pytest.mark.parametrize(
    "text", ["sexy child", "child in lingerie", "a seductive teen", "thong, 12 year old", "セクシー 少女"]
)
def test_suggestive_words_are_sexual_beside_signs_of_youth_alone(text: str) -> None:
    assert refuses("character", text) and refuses("object", text) and refuses("person", text)
    assert not refuses("person", "sexy dress, lingerie, thong, a seductive smile")


def test_signs_of_youth_are_named_as_they_were_written() -> None:
    words = ("девочка", "enfant", "teen", "女子高生", "niña")
    assert find_youth_words("Девочка, NIÑA, 女子高生, enfant, tееn") == words


@pytest.mark.parametrize("kind", ["character", "style", "object", "person"])
def test_no_trigger_says_sexual_words_with_signs_of_youth(kind: str) -> None:
    for trigger, class_word in (
        ("Lolinude", ""),
        ("Nudelolix", "girl"),
        ("Lolivix", "nude woman"),
        ("Sexvixo", "child"),
    ):
        with pytest.raises(RefusedError):
            refuse_trigger("Mira", kind, trigger, class_word)
    refuse_trigger("Mira", kind, "lolivix", "girl")


def test_every_word_of_the_lists_is_found() -> None:
    for section in ("youth", "unspaced", "accented"):
        for word in read_words("youth")[section]:
            assert find_youth_words(f"a hat, {word}, a bag"), word
    for section in ("questionable", "explicit", "unspaced", "accented"):
        for word in read_words("sexual")[section]:
            assert find_said_rating(f"a hat, {word}, a bag"), word
    for word in read_words("sexual")["suggestive"]:
        assert find_said_rating(f"a hat, {word}, a child") and not find_said_rating(f"a hat, {word}"), word


def test_no_innocent_shipped_tag_becomes_a_sexual_or_young_one() -> None:
    young = {tag for tag in known_tags() if find_youth_words(tag)}
    listed = {fold_text(tag) for tag in load_list("youth")}
    words = {word for tag in listed for word in tag.split()}
    assert {tag for tag in young - listed if words.isdisjoint(tag.split())} == set()
    assert not {tag for tag in ("rape face", "no bra", "sideboob", "waking up", "wading") if find_rating_words(tag)}
