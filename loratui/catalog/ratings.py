"""Pictures that may not be used: sexual ones of a person, and sexual ones with any sign of youth, whatever they are of.

The one place that decides it, for imports, roles, datasets, trainings and images that a LoRA made. A rating is the
word of taggers: each says the one it scores highest, of several taggers the gravest counts, and what a person, a
caption file or a captioner wrote can make it graver, never milder. Rejected pictures may stay in a library: nothing
uses them.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import literal_column, select

from loratui.catalog import tables
from loratui.catalog.flags import list_said_ratings
from loratui.catalog.query import as_values, read_memberships
from loratui.catalog.rating_words import find_hidden_word, find_rating_words, find_said_rating
from loratui.catalog.said import Source, Written, find_sources, find_written, tell_change, tell_sources
from loratui.catalog.subjects import look_up
from loratui.catalog.vocabulary import RATING, RATINGS, ROLES, SEXUAL
from loratui.catalog.youth_words import find_hidden_youth, find_youth_words
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

_NAMED = 5
"""So many pictures are named in an error; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a picture may not be used: its rating, the words that indicate youth, and the person it is of."""

    rating: str
    words: tuple[str, ...] = ()
    person: str = ""
    """The subject of kind person; empty when the words alone are why."""
    owner: str = ""
    """The subject that it is judged for."""
    sources: tuple[Source, ...] = ()
    """Who says the sexual words about it, when no tagger rates it so: people, captioners or rules."""
    young: tuple[Source, ...] = ()
    """Who says words that indicate youth, of those that the texts of other subjects alone say."""

    @property
    def said(self) -> tuple[str, ...]:
        """The sexual words of its captions and tags, when no tagger rates it so."""
        return tuple(dict.fromkeys(word for source in self.sources for word in source.words))

    @property
    def why(self) -> str:
        """The reason in one line."""
        rated = tell_sources(self.sources, self.owner) if self.sources else f"rated {self.rating}"
        if self.words:
            origin = f": {tell_sources(self.young, self.owner)}" if self.young else ""
            return f"{rated}, with signs of youth ({', '.join(self.words)}{origin})"
        shared = "" if self.person == self.owner else " who has this picture too"
        return f"{rated}, and {self.person} is a person{shared}"


@dataclass(frozen=True, slots=True)
class UnfitPicture:
    """A picture of a subject that may not be used."""

    membership: Membership
    reason: Unfit

    @property
    def rating(self) -> str:
        """Its gravest rating."""
        return self.reason.rating

    @property
    def words(self) -> tuple[str, ...]:
        """The words that indicate youth."""
        return self.reason.words

    @property
    def why(self) -> str:
        """The reason in one line."""
        return self.reason.why


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
    return [UnfitPicture(each, unfit[each.picture_id]) for each in members]


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
    # Thousands of pictures share their tags.
    signs_in = cache(find_youth_words)
    scored = _find_scored_words(connection, sexual, signs_in)
    written = find_written(connection, list(sexual))
    # Both are in every caption.
    of_all = find_youth_words(f"{subject.trigger}, {subject.class_word}")
    found: dict[int, Unfit] = {}
    for picture_id, rating in sexual.items():
        own = [one for one in written[picture_id] if one.subject == subject.name]
        if text := texts.get(picture_id, ""):
            own.append(Written(subject.name, "caption", text))
        others = [one for one in written[picture_id] if one.subject != subject.name]
        known = {*scored[picture_id], *(word for one in own for word in signs_in(one.text))}
        young = find_sources(others, signs_in, but=known)
        signs = tuple(dict.fromkeys([*sorted({*known, *(w for one in young for w in one.words)}), *of_all]))
        if signs or picture_id in persons:
            found[picture_id] = Unfit(rating, signs, persons.get(picture_id, ""), subject.name, (), tuple(young))
            written[picture_id] = [*own, *others]
    rated_by = _find_scored(connection, list(found))
    for picture_id, reason in found.items():
        if set(SEXUAL).isdisjoint(rated_by.get(picture_id, ())):
            sources = find_sources(written[picture_id], find_rating_words)
            found[picture_id] = replace(reason, sources=tuple(sources))
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
        detail={"unfit": list_reasons(unfit)},
    )


def list_reasons(unfit: Sequence[UnfitPicture]) -> list[dict[str, str]]:
    """All of them for other programs: name, sha256 and why."""
    return [{"name": each.membership.name, "sha256": each.membership.sha256, "why": each.why} for each in unfit]


def tell_remedy(subject: Subject, unfit: Sequence[UnfitPicture]) -> str:
    """What to do about pictures that may not be used: what was written of them can be changed, where it stands."""
    rated = [each for each in unfit if not each.reason.sources]
    own = any(
        source.subject == subject.name and source.where != "sentence"
        for each in unfit
        for source in each.reason.sources
    )
    name = shlex.quote(subject.name)
    told = []
    if own:
        told.append(
            f"Change the captions, or reject pictures that do show it. `loratui caption set {name} QUERY TEXT` writes "
            f"one by hand, `loratui tags remove {name} TAG` takes out a tag, `loratui rules show {name}` has the words "
            f"that rules add, and `loratui rules set {name}` changes them."
        )
    told += tell_change(
        {each.membership.sha256: [*each.reason.sources, *each.reason.young] for each in unfit}, subject.name
    )
    if not own and not rated and told:
        told.append("Pictures that do show it can be rejected.")
    if rated or not told:
        told.append(f"Reject them, rejected pictures are not trained: {tell_rejection(subject, rated or unfit)}")
    return " ".join(told)


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
    text = f"{trigger}, {class_word}"
    refuse_words(name, kind, text, "trigger and class word")
    hidden, youth = find_hidden_word(trigger), find_hidden_youth(trigger)
    hint = "Choose another word: `loratui trigger suggest` invents some."
    if hidden and kind == "person":
        raise RefusedError(
            f"The trigger of {name} can't be '{trigger}': it has '{hidden}' in it, and {name} is a person.", hint=hint
        )
    rated = ", ".join(filter(None, (hidden, *find_rating_words(text))))
    young = ", ".join(filter(None, (youth, *find_youth_words(text))))
    if rated and young:
        raise RefusedError(
            f"The trigger of {name} can't be '{trigger}': it says {rated}, with signs of youth ({young}).", hint=hint
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
    unfit = Unfit(rating, tuple(sorted(words)), subject.name, subject.name)
    if words or subject.kind == "person":
        raise RefusedError(
            f"The image {name} of {subject.name} can't be kept: it is {unfit.why}.",
            hint="There is no way around it: delete the image, and change the prompt or the training pictures.",
        )


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


def _find_scored_words(
    connection: Connection, picture_ids: Collection[int], signs_in: Callable[[str], tuple[str, ...]]
) -> dict[int, set[str]]:
    """The words that indicate youth in the tags of taggers, by picture id."""
    score = tables.tag_score.c
    found: dict[int, set[str]] = defaultdict(set)
    scored = select(score.picture_id, score.tag).where(
        # Written out, which lets SQLite use the index of high scores.
        score.score >= literal_column(str(YOUTH_FROM)),
        score.category != RATING,
    )
    # What a person removed counts all the same: nobody can talk a tagger out of this.
    for picture_id, tag in connection.execute(scored.where(score.picture_id.in_(as_values(picture_ids)))):
        found[picture_id].update(signs_in(tag))
    return found
