"""Innocent phrases with a word that is sexual elsewhere, sexual words of other languages, and names with such words."""

from __future__ import annotations

import pytest

from loratui.catalog.disguises import find_as_written
from loratui.catalog.rating_words import find_hidden_word, find_rating_words, find_said_rating
from loratui.catalog.ratings import refuse_trigger
from loratui.errors import RefusedError


@pytest.mark.parametrize(
    "text",
    [
        *("a same-sex couple", "sex: male"),
        *("Sex: female, 25", "naked branches", "a half-naked tree in winter"),
        *("a topless bus", "a red topless convertible, smile"),
        *("an anal fin", "bottomless coffee", "a nipple cactus"),
        *("Sex Pistols shirt", "nudie jeans", "summa cum laude"),
        *("Chorlton-cum-Hardy", "a rape field", "rape face"),
        *("Рита в парке", "сим", "análises", "houjuu nue", "a rooster, cock"),
    ],
)
def test_innocent_phrases_say_no_sexual_rating_and_hide_none(text: str) -> None:
    assert find_rating_words(text) == ()
    assert find_rating_words(f"{text}, nude")
    assert find_rating_words(f"nude, {text}")


@pytest.mark.parametrize(
    "text",
    [
        *("naked tree nymph", "a naked rock climber"),
        *("same-sex couple having sex", "sex: male and woman", "naked branches nude"),
        *("topless bus driver", "topless car wash"),
        *("bottomless brunch girl", "anal fingering", "sex with a male"),
    ],
)
def test_a_phrase_that_goes_on_with_another_noun_is_no_innocent_one(text: str) -> None:
    assert find_rating_words(text)


@pytest.mark.parametrize(
    "text",
    [
        *("cum on face", "he has his cock out", "rape", "a rape scene"),
        *("pussies", "niples", "nippels", "analis"),
        *("masturbatin", "sexx", "seks", "nue", "schwanz"),
        *("muschi", "coño", "puta", "cazzo", "sem roupa", "à poil"),
        *("frau ohne kleidung", "c0ck sucking", "s3xy", "undresed"),
        *("explicit, s€xy", "обнажена", "без одежды", "エッチ"),
    ],
)
def test_vulgar_words_slips_and_words_of_other_languages_say_a_sexual_rating(text: str) -> None:
    assert find_said_rating(f"mirvok, {text}, a hat")


@pytest.mark.parametrize(
    "text",
    [
        *("sexy dress", "cono, nogen", "a grouping of waking birds", "genial"),
        *("nacken", "seeks", "rapping", "Ferrari フェラーリ"),
        *("エッチング", "個性的", "女性的な服"),
        *("Cumbria, Cummings", "a grape, a drape", "Slocum, Essex, Dickens", "document"),
    ],
)
def test_words_that_only_look_alike_say_no_sexual_rating(text: str) -> None:
    assert find_rating_words(text) == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        *(("сиськи", "сиськи"), ("Голая женщина", "голая"), ("обнаженная", "обнаженная"), ("ヌード", "ヌード")),
        *(("una COÑO", "coño"), ("une femme dénudée", "dénudée"), ("全裸の女性", "全裸"), ("나체", "나체")),
    ],
)
def test_a_sexual_word_is_named_as_it_was_written(text: str, word: str) -> None:
    assert find_rating_words(text)[0] == word


def test_a_word_in_disguise_is_named_by_what_it_says() -> None:
    assert find_as_written("nude", "ｎｕｄｅ") == "nude"
    assert find_as_written("nude", "nυdе") == "nude"
    assert find_as_written("nude", "n\u200bude, café") == "nude"
    assert find_as_written("not in it", "café") == "not in it"


@pytest.mark.parametrize(
    "trigger",
    [
        *("Cumvixo", "Vixocum", "Sexvixo", "Vixosex", "Analvix"),
        *("Dickvix", "Cockvix", "Vixocock", "C0ckvix", "analis"),
        *("Vixotits", "Nippleva", "Pussyvo"),
    ],
)
def test_a_trigger_of_a_person_hides_no_sexual_word_at_its_ends(trigger: str) -> None:
    with pytest.raises(RefusedError, match="can't"):
        refuse_trigger("Ada", "person", trigger, "")
    refuse_trigger("Mira", "character", "Vixosex", "")


@pytest.mark.parametrize(
    "name",
    [
        *("Essex", "Hancock", "Dickens", "Dickson", "Slocum"),
        *("Cumberbatch", "Analisa", "Analia", "Anusha", "Chaiporn"),
        *("Vecchi", "Manal", "Sexton", "Benedick", "Cockburn"),
        *("Hitchcock", "Peacock", "Cummings", "Draper", "Grape"),
    ],
)
def test_names_that_begin_or_end_so_are_let_be(name: str) -> None:
    assert find_hidden_word(name) == ""
