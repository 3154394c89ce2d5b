"""Words that say a sexual rating or indicate youth: found in any spelling and in disguise, and no innocent ones."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loratui.captions.traits import known_tags, load_list
from loratui.catalog.disguises import fold_text, shapes_of, spell_plain
from loratui.catalog.rating_words import NUDE_WORDS, SEX_WORDS, find_rating_words, find_said_rating, sexual_tags
from loratui.catalog.vocabulary import SEXUAL
from loratui.catalog.youth_words import find_youth_words

LEET = {"o": "0", "i": "1!", "l": "1!", "e": "3€", "a": "4@", "s": "5$", "t": "7", "b": "8", "g": "9"}
SINGLE_WORDS = [word for word in (*NUDE_WORDS, *SEX_WORDS) if word.isascii() and word.isalpha() and len(word) > 3]
INNOCENT = (
    *("no.", "3d", "s&m", "1girl", "6+girls", "4 u", "^_^", "0_0", "@_@", "x_x", "(o)_(o)", ">:3", "!?", "$$$", "d:"),
    *("as$", "8-bit", "c-3po", "ak-47", "m4a1", "mp3 player", "r2-d2", "4chan", "50mm, f/1.8", "1980s (style)", "k-9"),
    *("idolm@ster", "m0n0chrome", "J.K. Rowling", "p.s.", "t.a.t.u.", "e.g.", "e3", "s5", "53x zoom", "us-a"),
    *(
        "a b c 1 2 3",
        "1 a 2 b 3 c",
        "16:9",
        "close-up",
        "half-length",
        "12-hour clock",
        "no. 5",
        "an us flag",
        "por no",
    ),
)


@pytest.mark.parametrize(
    "text",
    [
        *("", "smile", "rating:general", "rating:s", "rating: sensitive", "an explicit sign", "a questionable taste"),
        *("berating:e", "unexplicit", "rating:eleven", "nsfwish"),
    ],
)
def test_other_words_are_no_sexual_rating(text: str) -> None:
    assert find_said_rating(text) == ""


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("nude, sex, tattoo", "explicit"),
        ("An oil painting of a naked man.", "questionable"),
        ("completely_nude", "questionable"),
        ("nude_lipstick, sexy dress, unisex, Sussex", ""),
    ],
)
def test_who_writes_of_nudity_or_sex_has_rated_the_picture(text: str, rating: str) -> None:
    assert find_said_rating(text) == rating


@given(st.sampled_from(SEXUAL), st.text(" _:", min_size=1, max_size=3), st.booleans(), st.text("abc, ", max_size=9))
def test_a_said_rating_is_found_in_any_spelling(name: str, between: str, loud: bool, around: str) -> None:
    said = f"rating{between}{name}"
    assert find_said_rating(f"{around},{said.upper() if loud else said}, {around}") == name


def test_every_sexual_tag_of_the_shipped_lists_is_found_in_any_spelling() -> None:
    listed = set(sexual_tags())
    assert set(load_list("sexual")) <= listed
    assert listed <= known_tags()
    assert {"topless", "topfree", "breasts out", "one breast out", "areolae", "testicles", "no panties"} <= listed
    for tag in listed:
        for text in (tag, tag.replace(" ", "_").upper(), f"smile, {tag}, hat", f"smile, ({tag}:1.2)", f"{tag}\nhat"):
            assert find_said_rating(text), text


@pytest.mark.parametrize(
    "text",
    [
        *("A topless woman.", "topfree", "her nakedness", "unclothed", "a woman without clothes", "undressed"),
        *("with bare breasts", "bare-breasted", "breasts out on a bed", "a nip slip", "an erotic pose", "nudes"),
        *("eine nackte Frau", "una mujer desnuda", "desnudo", "голая", "全裸の女性", "no panties under it"),
        # In disguise.
        *(
            "photo of a n u d e woman",
            "n.u.d.e",
            "n-u-d-e",
            "nυdе",
            "n\u200bu\u00adde",
            "ｎｕｄｅ",
            "ɴᴜᴅᴇ",
            "nu\u0336de",
            "ոude",
        ),
    ],
)
def test_words_for_nudity_are_found_in_sentences_and_in_disguise(text: str) -> None:
    assert find_said_rating(text)


@pytest.mark.parametrize(
    "text",
    [
        *("bare shoulders, bare feet, barefoot, bare arms", "swimsuit, bikini, cleavage", "an oral exam at school"),
        *("graduated summa cum laude", "playing the violin, with careful fingering", "a cowgirl hat", "cowgirl"),
        *("nude lipstick, nude heels", "nude-coloured tights", "visible to the naked eye", "a missionary in a church"),
        *("topless male", "undone necktie", "J. R. R. Tolkien", "a b c d", "U.S.A. flag", "Sussex, Essex", "analysis"),
        *("medium breasts, no eyewear", "a slip dress", "a pussy willow", "裸足", "Нюанс", "a girl on top of a hill"),
        *("a phone without vibrator motor", "open shirt, towel", "sexy dress", "canal, document, penistone"),
    ],
)
def test_innocent_captions_say_no_sexual_rating(text: str) -> None:
    assert find_rating_words(text) == ()


def test_signs_of_youth_are_found_in_disguise() -> None:
    assert find_youth_words("l o l i, tееn, ch\u200bild") == ("teen", "child", "loli")


@pytest.mark.parametrize(
    "text",
    [
        *("nud3", "NUD3S at the beach", "(nud3:1.2)", "s3x", "5ex", "p0rn", "4nal", "n1pp1es", "n!pples", "pu$$y"),
        *("bare br3asts", "bare-br3asts", "no cl0thes", "n5fw", "smile, 3xplicit", "n.u.d.3", "n u d 3", "p 0 r n"),
        *("nu.de", "nu_de", "nu-d3", "nu*de", "se.x", "n\u200bud3", "nυd3", "ｎｕｄ3", "“nud3”"),
    ],
)
def test_digits_and_signs_hide_no_word(text: str) -> None:
    assert find_said_rating(text)


@given(st.data())
def test_a_word_is_found_with_digits_in_the_place_of_half_its_letters(data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(SINGLE_WORDS))
    places = [place for place, letter in enumerate(word) if letter in LEET]
    assume(places)
    some = data.draw(st.sets(st.sampled_from(places), min_size=1, max_size=len(word) // 2))
    written = "".join(data.draw(st.sampled_from(LEET[at])) if n in some else at for n, at in enumerate(word))
    assert find_said_rating(f"photo of mirvok, {written}, a hat") == find_said_rating(word)


@given(st.sampled_from(SINGLE_WORDS), st.sampled_from(" ._*-"))
def test_a_word_is_found_with_its_letters_set_apart(word: str, between: str) -> None:
    assert find_said_rating(f"mirvok, {between.join(word)}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *(("l0li", ("loli",)), ("l0l1", ("loli",)), ("t33n", ("teen",)), ("k1ds", ("kids",)), ("l o 1 i", ("loli",))),
        *(("sch00l uniform", ("school uniform",)), ("ch1ld, ch.ild", ("child",))),
    ],
)
def test_digits_and_signs_hide_no_sign_of_youth(text: str, words: tuple[str, ...]) -> None:
    assert find_youth_words(text) == words


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_written_with_digits_and_signs_anyway_says_nothing(text: str) -> None:
    assert find_rating_words(text) == ()
    assert find_youth_words(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        *("tits", "a woman with great tits", "boobies", "cunt", "fucking", "f*ck", "p*ssy", "pr0n", "t1ts", "b00bs"),
        *(
            "spread legs",
            "ahegao",
            "in the buff",
            "exposed chest",
            "wearing only a smile",
            "photo of mirvok, dick, hat",
        ),
        *("裸", "女裸", "裸nude", "全裸nude", "عارية", "العارية", "야한 여자", "누드 사진", "голую женщину", "секс"),
    ],
)
def test_vulgar_words_and_words_of_other_languages_are_found(text: str) -> None:
    assert find_said_rating(text)


@pytest.mark.parametrize(
    "text",
    [
        *("nuude", "nuuuude", "nakd", "nakedd", "pusssy", "nvde", "nudewoman", "Nakedgirl", "hotnude", "nudephotos"),
        *("n|u|d|e", "nu|de", "nu/de", "nu(de)", "(nu)de", "n,u,d,e", "n / u / d / e", "n$de", "n*de", "f**k"),
        *("nuđe", "ňüđē", "nudᥱ", "nμde", "nνde", "нуde", "НUDЕ", "нackt", "نude"),
    ],
)
def test_misspelled_words_are_found(text: str) -> None:
    assert find_said_rating(text)
    assert find_said_rating(f"photo of mirvok, {text}, a hat")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "two great tits on a branch",
            "a blue tit",
            "blue tits",
            "long-tailed tits",
            "blue-footed boobies",
            "boob tube",
        ),
        *(
            "photo of Dick, a hat",
            "Dick smiles",
            "a rooster, cock",
            "cockpit, cocktail, shuttlecock",
            "annals of history",
        ),
        *(
            "ピエロ",
            "裸足",
            "裸眼",
            "해야한다",
            "ground and/or sky",
            "girl(s)",
            "50 μm, β-carotene",
            "R&B, AC/DC, 24/7",
        ),
        *(
            "M*A*S*H",
            "size s/m/l",
            "playboy bunny",
            "Anusha, Virginia, navel",
            "Đorđe",
            "rock'n'roll",
            "Titus, Scunthorpe",
        ),
        *("нудный голос", "womanly, manor, bodypaint", "what?ever", "tittle, title", "Captain Kidd"),
    ],
)
def test_what_only_looks_like_a_vulgar_or_misspelled_word_says_nothing(text: str) -> None:
    assert find_rating_words(text) == ()


def test_misspelled_signs_of_youth_are_found() -> None:
    assert find_youth_words("teeen") == ("teen",)
    assert find_youth_words("chilld, l*li, сhild, ch(ild)") == ("child", "loli")
    assert find_youth_words("toot, ten, Captain Kidd, kiddo") == ()


def test_no_shipped_tag_is_taken_for_another_when_misspelled() -> None:
    said = {tag for tag in known_tags() if find_said_rating(tag)}
    listed = set(sexual_tags())
    besides = {tag for tag in said - listed if listed.isdisjoint(tag.split())}
    assert besides == {
        *("nipple piercing", "clitoris piercing", "spread legs", "ahegao", "upskirt"),
        *("questionable", "explicit", "nsfw"),
    }


def test_of_words_that_letters_of_another_script_leave_open_the_one_they_look_like_is_named() -> None:
    assert find_rating_words("nуdе") == ("nude",)


def test_a_number_beside_a_word_is_no_letter_of_it() -> None:
    assert find_youth_words("baby_5") == ("baby",)


@given(st.text("0123456789^_.:;<>-=()!?@$ow, ", max_size=20))
def test_faces_and_numbers_say_nothing(text: str) -> None:
    assert find_rating_words(text) == ()
    assert find_youth_words(text) == ()


def test_no_shipped_tag_is_taken_for_another_in_disguise() -> None:
    shapes = shapes_of([*SINGLE_WORDS, *(word for tag in load_list("youth") for word in tag.split())])
    read = {tag: spell_plain(fold_text(tag), shapes) for tag in sorted(known_tags())}
    # That one says what it seems to say.
    assert {tag: spelled for tag, spelled in read.items() if spelled != fold_text(tag)} == {"pre-teen": "preteen"}


@given(st.text(max_size=40), st.sets(st.sampled_from(SINGLE_WORDS)))
def test_texts_without_a_known_word_keep_their_letters(text: str, words: set[str]) -> None:
    folded = fold_text(text)
    spelled = spell_plain(folded, shapes_of(words))
    assert spelled == folded or any(word in spelled for word in words)
