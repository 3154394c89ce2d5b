"""Pictures that may not be used: sexual ones of a person, and sexual ones with any sign of youth, whatever they are of.

The one place that decides it, for imports, roles, datasets, trainings and images that a LoRA made. A rating is the
word of taggers: each says the one it scores highest, of several taggers the gravest counts, and what a person, a
caption file or a captioner wrote can make it graver, never milder. Rejected pictures may stay in a library: nothing
uses them.
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import literal_column, select

from loratui.catalog import tables
from loratui.catalog.disguises import fold_text, join_rows, shapes_of, spell_plain
from loratui.catalog.flags import list_said_ratings
from loratui.catalog.misspellings import Misspellings
from loratui.catalog.query import as_values, read_memberships, tag_key
from loratui.catalog.rating_words import find_hidden_word, find_rating_words, find_said_rating, split_words
from loratui.catalog.subjects import look_up
from loratui.catalog.vocabulary import RATING, RATINGS, ROLES, SEXUAL
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import Connection

    from loratui.catalog.edits import ScoredTag
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

USED_ROLES = ("primary", "supporting", "holdout")
"""The roles whose pictures a training reads."""

Captions = Callable[[Sequence["Membership"]], Mapping[int, str]]
"""Gives the captions that pictures would be trained with, by membership id."""

YOUTH_FROM = 0.2
"""A tag that indicates youth counts from this score on (0 to 1): lower than in captions, for it must not be missed."""

_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven)teen"
_MINOR_AGE = rf"(?:[1-9]|1[0-7]|{_NUMBERS})[ -]?(?:(?:years?|yrs?)[ -]?olds?|y/?o)|age[ds]? (?:[1-9]|1[0-7])"
"""A pattern for ages below 18: `12 year old`, `12yo`, `twelve-year-old`, `aged 12`."""

_NAMED = 5
"""So many pictures are named in an error; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a picture may not be used: its rating, the words that indicate youth, and the person it is of."""

    rating: str
    words: tuple[str, ...] = ()
    person: str = ""
    """The subject of kind person; empty when the words alone are why."""
    said: tuple[str, ...] = ()
    """The sexual words of its captions and tags, when no tagger rates it so: people or rules put them there."""

    @property
    def why(self) -> str:
        """The reason in one line."""
        rated = f"its caption says {', '.join(self.said)}" if self.said else f"rated {self.rating}"
        if self.words:
            return f"{rated}, with signs of youth ({', '.join(self.words)})"
        return f"{rated}, and {self.person} is a person"


@dataclass(frozen=True, slots=True)
class UnfitPicture:
    """A picture of a subject that may not be used."""

    membership: Membership
    rating: str
    words: tuple[str, ...]
    why: str
    said: tuple[str, ...] = ()
    """The sexual words of its captions and tags, when no tagger rates it so."""


def rating_of(scores: Mapping[str, float]) -> str:
    """The rating that one tagger scored highest, of equals the gravest; empty when it scored none."""
    known = [(score, RATINGS.index(name), name) for name, score in scores.items() if name in RATINGS]
    return max(known)[2] if known else ""


def list_unfit(
    catalog: Catalog,
    subject: Subject | str,
    *,
    roles: Sequence[str] = ROLES,
    captions: Captions | None = None,
) -> list[UnfitPicture]:
    """The pictures of a subject that may not be used, of these roles; `captions` gives what they would be called.

    A picture that any subject of kind person has is a picture of a person wherever else it is used.
    """
    member = tables.membership.c
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        chosen = select(member.id).where(member.subject_id == owner.id, member.role.in_(list(roles)))
        return find_refused(connection, owner, list(connection.execute(chosen).scalars()), captions=captions)


def find_refused(
    connection: Connection, subject: Subject, ids: Sequence[int], *, captions: Captions | None = None
) -> list[UnfitPicture]:
    """Those of a subject's memberships, by their ids, whose picture may not be used."""
    member = tables.membership.c
    rows = connection.execute(select(member.picture_id, member.id).where(member.id.in_(as_values(ids))))
    by_picture: dict[int, int] = {picture_id: id_ for picture_id, id_ in rows}
    sexual = _find_sexual(connection, list(by_picture))
    texts: dict[int, str] = {}
    if captions:
        said = captions(read_memberships(connection, list(by_picture.values())))
        texts = {picture_id: said.get(id_, "") for picture_id, id_ in by_picture.items()}
    unfit = _judge(connection, sexual, subject, texts)
    members = read_memberships(connection, [by_picture[picture_id] for picture_id in unfit]) if unfit else []
    reasons = ((each, unfit[each.picture_id]) for each in members)
    return [UnfitPicture(each, reason.rating, reason.words, reason.why, reason.said) for each, reason in reasons]


def find_unfit(connection: Connection, picture_ids: Sequence[int], subject: Subject) -> dict[int, Unfit]:
    """Those of some pictures, by their ids, that may not be used in a subject, whether it has them yet or not."""
    return _judge(connection, _find_sexual(connection, picture_ids), subject, {})


def find_unfit_hashes(
    catalog: Catalog, subject: Subject, captions: Mapping[str, str], *, person: bool = False
) -> dict[str, Unfit]:
    """Like `find_unfit`, of a frozen dataset: captions by sha256; `person` when the subject was of that kind then."""
    picture = tables.picture.c
    with catalog.read() as connection:
        rows = connection.execute(select(picture.id, picture.sha256).where(picture.sha256.in_(as_values(captions))))
        hashes: dict[int, str] = {id_: sha256 for id_, sha256 in rows}
        owner = look_up(connection, subject)
        texts = {id_: captions[sha256] for id_, sha256 in hashes.items()}
        sexual = _find_sexual(connection, list(hashes))
        unfit = _judge(connection, sexual, replace(owner, kind="person") if person else owner, texts)
    return {hashes[id_]: found for id_, found in unfit.items()}


def _judge(
    connection: Connection, rated: Mapping[int, str], subject: Subject, texts: Mapping[int, str]
) -> dict[int, Unfit]:
    """Which pictures may not be used, of those that are rated sexual and those whose captions are; by picture id."""
    told = {picture_id: rating for picture_id, text in texts.items() if (rating := find_said_rating(text))}
    if not rated and not told:
        return {}
    sexual = {id_: _gravest((rated.get(id_, ""), told.get(id_, ""))) for id_ in (*rated, *told)}
    persons = dict.fromkeys(sexual, subject.name) if subject.kind == "person" else _find_persons(connection, sexual)
    words = _find_words(connection, sexual, texts)
    # Both are in every caption.
    of_all = find_youth_words(f"{subject.trigger}, {subject.class_word}")
    found = {}
    for picture_id, rating in sexual.items():
        signs = tuple(dict.fromkeys([*sorted(words[picture_id]), *of_all]))
        if signs or picture_id in persons:
            found[picture_id] = Unfit(rating, signs, persons.get(picture_id, ""))
    scored = _find_scored(connection, list(found))
    worded = [id_ for id_ in found if set(SEXUAL).isdisjoint(scored.get(id_, ()))]
    written = _find_written(connection, worded)
    for picture_id in worded:
        said = [word for text in (texts.get(picture_id, ""), *written[picture_id]) for word in find_rating_words(text)]
        found[picture_id] = replace(found[picture_id], said=tuple(dict.fromkeys(said)))
    return found


def refuse_pictures(subject: Subject, unfit: Sequence[UnfitPicture], what: str = "used") -> None:
    """Raise RefusedError naming pictures that may not be used; nothing happens when there are none."""
    if not unfit:
        return
    named = [f"{each.membership.name} ({each.why})" for each in unfit[:_NAMED]]
    more = f" and {len(unfit) - _NAMED} more" if len(unfit) > _NAMED else ""
    count = "1 picture" if len(unfit) == 1 else f"{len(unfit)} pictures"
    raise RefusedError(
        f"{count} of {subject.name} can't be {what}: {'; '.join(named)}{more}.",
        hint=tell_remedy(subject, unfit),
    )


def tell_remedy(subject: Subject, unfit: Sequence[UnfitPicture]) -> str:
    """What to do about pictures that may not be used: what rules made of their captions can be changed."""
    rated = [each for each in unfit if not each.said]
    reject = f"Reject them, rejected pictures are not trained: {tell_rejection(subject, rated)}" if rated else ""
    if len(rated) == len(unfit):
        return reject
    name = shlex.quote(subject.name)
    return (
        f"Change the captions, or reject pictures that do show it. `loratui caption set {name} QUERY TEXT` writes one "
        f"by hand, `loratui tags remove {name} TAG` takes out a tag, `loratui rules show {name}` has the words that "
        f"rules add, and `loratui rules set {name}` changes them. {reject}"
    ).rstrip()


def refuse_words(name: str, kind: str, text: str, what: str) -> None:
    """Raise RefusedError for words that captions and prompts of a subject may not say, whatever pictures show.

    Sexual ones for a person, for every kind sexual ones together with signs of youth. `what` names where they are.
    """
    rated, youth = find_rating_words(text), find_youth_words(text)
    if not rated or (kind != "person" and not youth):
        return
    why = f", with signs of youth ({', '.join(youth)})" if youth else f", and {name} is a person"
    raise RefusedError(
        f"The {what} of {name} can't say {', '.join(rated)}{why}.",
        hint="There is no way around it: say it without these words.",
    )


def refuse_trigger(name: str, kind: str, trigger: str, class_word: str) -> None:
    """Raise RefusedError for a trigger and class word that no caption of a subject may say, hidden in it or whole."""
    refuse_words(name, kind, f"{trigger}, {class_word}", "trigger and class word")
    if kind == "person" and (hidden := find_hidden_word(trigger)):
        raise RefusedError(
            f"The trigger of {name} can't be '{trigger}': it has '{hidden}' in it, and {name} is a person.",
            hint="Choose another word: `loratui trigger suggest` invents some.",
        )


def warn_of_words(subject: Subject, text: str) -> list[str]:
    """That a caption or a tag keeps pictures from being used, by the words it says; empty when it says none."""
    try:
        refuse_words(subject.name, subject.kind, f"{text}, {subject.trigger}, {subject.class_word}", "captions")
    except RefusedError as error:
        return [f"{error.message} Pictures that say it are never trained nor exported: change the caption."]
    return []


def tell_rejection(subject: Subject, unfit: Sequence[UnfitPicture]) -> str:
    """The command that rejects pictures which may not be used."""
    query = " OR ".join(f"sha:{each.membership.sha256[:12]}" for each in unfit)
    return f"`loratui role set {shlex.quote(subject.name)} rejected {shlex.quote(query)} --reason unfit`."


def refuse_if_unfit(
    subject: Subject,
    name: str,
    scores: Iterable[Iterable[ScoredTag]],
    prompt: str = "",
    *,
    must_be_rated: bool = False,
) -> None:
    """Raise RefusedError when an image that a LoRA made may not be kept as a good one or published.

    Nothing publishes images yet, and sheets are there to be looked at whole: it waits for publishing, which must ask
    it first, so that images are judged by the same rules as pictures.

    `scores` has what each tagger said of it. Words in its prompt count like tags. Without a rating nothing is known
    of the image: with `must_be_rated`, for publishing, it is refused too when the subject is a person.
    """
    said = [list(one) for one in scores]
    ratings = [rating_of({tag: score for tag, category, score in one if category == RATING}) for one in said]
    rating = _gravest(ratings)
    if must_be_rated and subject.kind == "person" and not rating:
        raise RefusedError(
            f"The image {name} of {subject.name} was never rated, and {subject.name} is a person.",
            hint="Have a tagger with ratings read it first, such as SmilingWolf/wd-vit-tagger-v3.",
        )
    # Who asks for nudity has rated what they get, as who writes of it in a caption has.
    rating = _gravest((rating, find_said_rating(prompt)))
    if rating not in SEXUAL:
        return
    tags = (tag for one in said for tag, category, score in one if category != RATING and score >= YOUTH_FROM)
    words = {word for tag in tags for word in find_youth_words(tag)}
    words.update(find_youth_words(f"{prompt}, {subject.trigger}, {subject.class_word}"))
    unfit = Unfit(rating, tuple(sorted(words)), subject.name)
    if words or subject.kind == "person":
        raise RefusedError(
            f"The image {name} of {subject.name} can't be kept: it is {unfit.why}.",
            hint="There is no way around it: delete the image, and change the prompt or the training pictures.",
        )


@cache
def youth_tags() -> frozenset[str]:
    """The tags that indicate youth, as `tag_key` spells them: from the list among the traits of captions."""
    # The list is data, in the folder of all lists of tags; the code of that layer is not used.
    text = files("loratui").joinpath("captions", "traits", "youth.txt").read_text(encoding="utf-8")
    # A header of `key: value` lines, an empty line, then the tags; `also:` begins a line of words no tagger gives.
    lines = [line.strip().removeprefix("also:") for line in text.splitlines() if not line.startswith("#")]
    body = "\n".join(lines).strip().partition("\n\n")[2]
    found = frozenset(tag_key(tag) for tag in re.split(r"[,\n]", body) if tag.strip())
    if not found:
        raise RefusedError("The list of words that indicate youth is empty.", hint="Install loratui again.")
    return found


def find_youth_words(text: str) -> tuple[str, ...]:
    """The words in a caption or a prompt that indicate youth, ages among them, each once, in their order."""
    if not text:
        return ()
    folded = fold_text(text)
    whole = _youth_misspellings().spell(text, folded, split_words(folded))
    spelled = spell_plain(folded, _youth_shapes())
    readings = (folded, *join_rows(folded), *[each for each in (whole, spelled) if each != folded])
    plain = re.sub(r"[\s_]+", " ", ", ".join(readings))
    return tuple(dict.fromkeys(match[0] for match in _youth_pattern().finditer(plain)))


@cache
def _youth_pattern() -> re.Pattern[str]:
    # Longest first, so that "oppai loli" is found as a whole.
    words = sorted((_spell(tag) for tag in youth_tags()), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:(?:{'|'.join(map(re.escape, words))})s?|{_MINOR_AGE})(?!\w)")


@cache
def _youth_shapes() -> dict[str, str]:
    """Every word of what indicates youth, for seeing through disguise."""
    words = [word for tag in youth_tags() for word in re.findall(r"\w+", _spell(tag))]
    return shapes_of(f"{word}{end}" for end in ("s", "") for word in words)


@cache
def _youth_misspellings() -> Misspellings:
    words = [word for tag in youth_tags() if (word := _spell(tag)).isalpha()]
    return Misspellings(f"{word}{end}" for word in words for end in ("", "s"))


def _spell(tag: str) -> str:
    return fold_text(tag_key(tag).replace("_", " "))


def _gravest(ratings: Iterable[str]) -> str:
    return max((rating for rating in ratings if rating), key=RATINGS.index, default="")


def _find_sexual(connection: Connection, picture_ids: Sequence[int]) -> dict[int, str]:
    """The rating by picture id, of those with a sexual one."""
    said = _find_scored(connection, picture_ids)
    written = list_said_ratings().subquery().c
    told = select(written.picture_id, written.rating).where(written.picture_id.in_(as_values(picture_ids)))
    for picture_id, rating in connection.execute(told):
        said[picture_id].append(rating)
    found = {picture_id: _gravest(ratings) for picture_id, ratings in said.items()}
    return {picture_id: rating for picture_id, rating in found.items() if rating in SEXUAL}


def _find_scored(connection: Connection, picture_ids: Sequence[int]) -> dict[int, list[str]]:
    """What each tagger rates pictures, by their ids."""
    score = tables.tag_score.c
    chosen = select(score.picture_id, score.tagger, score.tag, score.score)
    # By tag and picture there is an index; a picture has a hundred other tags.
    rows = connection.execute(
        chosen.where(score.tag.in_(RATINGS), score.category == RATING, score.picture_id.in_(as_values(picture_ids)))
    ).cursor
    by_tagger: dict[tuple[int, str], dict[str, float]] = defaultdict(dict)
    for picture_id, tagger, tag, value in rows.fetchall() if rows else ():
        by_tagger[picture_id, tagger][tag] = value
    said: dict[int, list[str]] = defaultdict(list)
    for (picture_id, _tagger), scores in by_tagger.items():
        said[picture_id].append(rating_of(scores))
    return said


def _find_written(connection: Connection, picture_ids: Sequence[int]) -> dict[int, list[str]]:
    """The texts about pictures, in any subject: captions and tags by hand, and what captioners wrote."""
    member, edit, sentence = tables.membership, tables.tag_edit, tables.sentence
    chosen = member.c.picture_id.in_(as_values(picture_ids))
    texts: dict[int, list[str]] = defaultdict(list)
    if not picture_ids:
        return texts
    for query in (
        select(member.c.picture_id, member.c.caption).where(chosen, member.c.caption.is_not(None)),
        select(member.c.picture_id, edit.c.tag)
        .join_from(edit, member, edit.c.membership_id == member.c.id)
        .where(chosen, edit.c.present),
        select(member.c.picture_id, sentence.c.text)
        .join_from(sentence, member, sentence.c.membership_id == member.c.id)
        .where(chosen),
    ):
        for picture_id, text in connection.execute(query):
            texts[picture_id].append(text)
    return texts


def _find_persons(connection: Connection, picture_ids: Iterable[int]) -> dict[int, str]:
    """By picture id, a subject of kind person that has it."""
    member, subject = tables.membership.c, tables.subject.c
    chosen = select(member.picture_id, subject.name).join_from(
        tables.membership, tables.subject, subject.id == member.subject_id
    )
    rows = connection.execute(
        chosen.where(subject.kind == "person", member.picture_id.in_(as_values(picture_ids))).order_by(subject.id)
    )
    return {picture_id: name for picture_id, name in rows}


def _find_words(connection: Connection, picture_ids: Collection[int], texts: Mapping[int, str]) -> dict[int, set[str]]:
    """The words that indicate youth, by picture id: of taggers, of people in any subject, and in captions."""
    score, edit, member = tables.tag_score.c, tables.tag_edit.c, tables.membership.c
    found: dict[int, set[str]] = defaultdict(set)
    scored = select(score.picture_id, score.tag).where(
        # Written out, which lets SQLite use the index of high scores.
        score.score >= literal_column(str(YOUTH_FROM)),
        score.category != RATING,
    )
    # Thousands of pictures share their tags.
    signs = cache(find_youth_words)
    # What a person removed counts all the same: nobody can talk a tagger out of this.
    for picture_id, tag in connection.execute(scored.where(score.picture_id.in_(as_values(picture_ids)))):
        found[picture_id].update(signs(tag))
    edited = select(member.picture_id, edit.tag).join_from(
        tables.tag_edit, tables.membership, member.id == edit.membership_id
    )
    for picture_id, tag in connection.execute(
        edited.where(edit.present, member.picture_id.in_(as_values(picture_ids)))
    ):
        found[picture_id].update(signs(tag))
    written = select(member.picture_id, member.caption).where(member.picture_id.in_(as_values(picture_ids)))
    for picture_id, caption in connection.execute(written.where(member.caption.is_not(None))):
        found[picture_id].update(find_youth_words(caption))
    sentence = tables.sentence.c
    described = select(member.picture_id, sentence.text).join_from(
        tables.sentence, tables.membership, member.id == sentence.membership_id
    )
    for picture_id, text in connection.execute(described.where(member.picture_id.in_(as_values(picture_ids)))):
        found[picture_id].update(find_youth_words(text))
    for picture_id in picture_ids:
        found[picture_id].update(find_youth_words(texts.get(picture_id, "")))
    return found
