"""A person's word on what pictures show: facets said anew, kept as tags that captions follow, taken back by undo."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from loratui.captions.choosing import TagChooser
from loratui.captions.facets import CHOICES, TAGS_OF, Facet, read_facets
from loratui.captions.service import rules_of
from loratui.captions.survey import COUNTED_FROM
from loratui.captions.tags import fold_tag, mentions
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import Retagged, list_tagged, rewrite_tags
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.captions.rules import CaptionRules
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture

# What stands in the caption for a value whose first tag would say too much: facing the viewer may be half turned.
_PLAINEST: dict[tuple[Facet, str], str] = {
    ("angle", "front"): "facing viewer",
    ("expression", "teeth"): "teeth",
    ("clothing", "uniform"): "uniform",
}

_NAMED = 3

# Values of which one rules out the others. Faces show several things at once, but no two moods; clothes, several.
_EITHER_OR: dict[Facet, tuple[frozenset[str], ...]] = {
    "framing": (frozenset(TAGS_OF["framing"]),),
    "angle": (frozenset({"front", "side", "back"}), frozenset({"above", "below"})),
    "background": (frozenset({"plain", "indoors", "outdoors"}),),
    "lighting": (frozenset(TAGS_OF["lighting"]),),
    "expression": (
        *(frozenset({"neutral", glad, low}) for glad in ("smile", "laugh") for low in ("sad", "angry")),
        *(frozenset({"neutral", value}) for value in ("surprised", "teeth", "open mouth")),
    ),
    "clothing": (),
}
# A mouth can be closed in any mood.
_ANY_MOOD = "closed mouth"
_MOODS = frozenset({"smile", "sad", "angry"})


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A picture whose caption says something else in words that no verdict rewrites.

    `words` are what it mentions; with `written` a person wrote the caption whole, else a captioner its sentence.
    """

    id: int
    name: str
    words: tuple[str, ...]
    written: bool


@dataclass(frozen=True, slots=True)
class Overruled:
    """What came of a person's word: pictures changed by facet, tags that went with it, captions that contradict it.

    `removed` counts pictures by tag.
    """

    changed: dict[str, int]
    removed: dict[str, int]
    contradictions: tuple[Contradiction, ...]


def overrule_facet(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    facet: str,
    value: str,
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Say what the selected pictures show in one respect; returns how many changed. See `overrule_facets`."""
    return overrule_facets(catalog, subject, selection, {facet: value}, duplicates=duplicates).changed[facet]


def overrule_facets(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    said: Mapping[str, str],
    *,
    duplicates: Duplicates | None = None,
) -> Overruled:
    """Say what the selected pictures show, such as framing "full body".

    A value is one of a facet's choices, or a tag that says one ("profile", "red shirt"). It becomes a tag of the
    person's, and tags that contradict it are removed, so that captions do not say both. Pictures whose tags say it
    and nothing else already stay as they are. What people or captioners wrote in whole sentences stays too, and is
    told. However many facets are said, it is one step that undo takes back. Raises UsageError for an unknown facet or
    value before anything changes.
    """
    wanted = [(facet, *find_tag(facet, value)) for facet, value in ((find_facet(name), said[name]) for name in said)]
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    rules = rules_of(catalog, owner)
    chooser = TagChooser(rules)
    changed: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    ids: list[int] = []

    def rewrite(picture: TaggedPicture) -> Retagged | None:
        found: Retagged | None = None
        ids.append(picture.id)
        had = {fold_tag(one) for one in (*picture.added, *picture.scored)} - set(map(fold_tag, picture.removed))
        for facet, tag, meant in wanted:
            if (new := _rewrite(picture, facet, tag, meant, chooser)) is not None:
                found = new
                changed[facet] += 1
                picture = replace(
                    picture,
                    added=[one for one, present in new.tags if present],
                    removed=[one for one, present in new.tags if not present],
                )
        if found is not None:
            has = {fold_tag(one) for one in (*picture.added, *picture.scored)} - set(map(fold_tag, picture.removed))
            removed.update(had - has)
        return found

    rewrite_tags(
        catalog,
        owner,
        selection,
        rewrite,
        thresholds={"general": COUNTED_FROM},
        action="tags.overrule",
        label=f"{owner.name}: {', '.join(f'{facet} {tag}' for facet, tag, _ in wanted)} for {{pictures}}",
        duplicates=duplicates,
    )
    contradictions = _find_contradictions(catalog, owner, ids, rules, wanted)
    return Overruled({facet: changed[facet] for facet in said}, dict(removed.most_common()), contradictions)


def tell_contradiction(found: Contradiction) -> str:
    """Which caption says something else, and who wrote it."""
    who = "written by hand" if found.written else "a captioner's sentence"
    return f"the caption of {found.name}, {who}, still says {' and '.join(map(repr, found.words[:_NAMED]))}."


def find_facet(name: str) -> Facet:
    """The facet of a name; raises UsageError with those there are."""
    for facet in get_args(Facet):
        if name == facet:
            found: Facet = facet
            return found
    raise UsageError(f"Pictures have no facet '{name}'.", hint=f"Facets: {', '.join(get_args(Facet))}.")


def find_tag(facet: Facet, value: str) -> tuple[str, str]:
    """The tag that says a value of a facet, and the value; raises UsageError with the values there are."""
    folded = fold_tag(value)
    if folded in TAGS_OF[facet]:
        return _PLAINEST.get((facet, folded), TAGS_OF[facet][folded][0]), folded
    for meant, tags in TAGS_OF[facet].items():
        if folded in tags:
            return folded, meant
    choices = ", ".join(choice.name for choice in CHOICES[facet])
    raise UsageError(f"There is no {facet} '{value}'.", hint=f"Say one of: {choices}.")


def _find_contradictions(
    catalog: Catalog,
    owner: Subject,
    ids: Sequence[int],
    rules: CaptionRules,
    wanted: Sequence[tuple[Facet, str, str]],
) -> tuple[Contradiction, ...]:
    """Captions in whole sentences that mention what a verdict rules out; those made of tags do not."""
    wrong = [
        tag
        for facet, _, value in wanted
        for said, tags in TAGS_OF[facet].items()
        for tag in tags
        if _contradicts(facet, value, tag, said, own=False)
    ]
    found = []
    # Sentences say nothing that scores decide about.
    for picture in list_tagged(catalog, owner, ids, thresholds={}) if wrong else ():
        text = picture.caption or (picture.sentence if rules.say != "tags" else "")
        if text and (words := tuple(tag for tag in wrong if mentions(text, tag))):
            found.append(Contradiction(picture.id, picture.name, words, written=bool(picture.caption)))
    return tuple(found)


def _rewrite(picture: TaggedPicture, facet: Facet, tag: str, value: str, chooser: TagChooser) -> Retagged | None:
    gone = {fold_tag(one) for one in picture.removed}
    own = {fold_tag(one) for one in picture.added}
    # Highest first; which one is how much higher does not matter to a facet.
    scored = {fold_tag(one): 1.0 / (place + 1) for place, one in reversed(list(enumerate(picture.scored)))}
    scored = {one: score for one, score in scored.items() if one not in gone}
    wrong = {one: found for found, tags in TAGS_OF[facet].items() for one in tags if found != value}

    def contradicts(key: str, *, own: bool = False) -> bool:
        return key in wrong and _contradicts(facet, value, key, wrong[key], own=own)

    holds = read_facets(own, scored).get(facet) == value and (tag in own or tag in scored)
    # Where the word holds already, only what can't be so as well has to go.
    removed = [one for one in picture.added if contradicts(fold_tag(one), own=not holds)]
    struck = {fold_tag(one) for one in removed}
    kept = [one for one in picture.added if fold_tag(one) not in struck]
    # Also what captions say by another name than the tagger.
    said = (*map(fold_tag, picture.scored), *chooser.choose(kept, picture.removed, picture.scored, pruned=False))
    removed += [one for one in dict.fromkeys(said) if one not in struck and one not in gone and contradicts(one)]
    if holds and not removed:
        return None
    if tag not in {fold_tag(one) for one in kept}:
        kept.append(tag)
    before = [one for one in picture.removed if fold_tag(one) != tag]
    return Retagged([*((one, True) for one in kept), *((one, False) for one in (*before, *removed))], picture.caption)


def _contradicts(facet: Facet, value: str, tag: str, said: str, *, own: bool) -> bool:
    """Whether a tag that says another value has to go for this one to hold; of the person's own, any that would win."""
    if said == value or (tag == _ANY_MOOD and value in _MOODS):
        return False
    if any({said, value} <= group for group in _EITHER_OR[facet]):
        return True
    order = list(TAGS_OF[facet])
    return own and order.index(said) < order.index(value)
