"""A person's word on what pictures show: one facet said anew, kept as tags, taken back by undo."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from loratui.captions.facets import CHOICES, TAGS_OF, Facet, read_facets
from loratui.captions.survey import COUNTED_FROM
from loratui.captions.tags import fold_tag
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import Retagged, rewrite_tags
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

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

# Values of which one rules out the others. Faces and clothes show several things at once.
_EITHER_OR: dict[Facet, tuple[frozenset[str], ...]] = {
    "framing": (frozenset(TAGS_OF["framing"]),),
    "angle": (frozenset({"front", "side", "back"}), frozenset({"above", "below"})),
    "background": (frozenset({"plain", "indoors", "outdoors"}),),
    "lighting": (frozenset(TAGS_OF["lighting"]),),
    "expression": (),
    "clothing": (),
}


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
    return overrule_facets(catalog, subject, selection, {facet: value}, duplicates=duplicates)[facet]


def overrule_facets(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    said: Mapping[str, str],
    *,
    duplicates: Duplicates | None = None,
) -> dict[str, int]:
    """Say what the selected pictures show, such as framing "full body"; returns how many changed, by facet.

    A value is one of a facet's choices, or a tag that says one ("profile", "red shirt"). It becomes a tag of the
    person's, and tags that contradict it are removed, so that captions do not say both. Pictures whose tags say it
    already stay as they are. However many facets are said, it is one step that undo takes back. Raises UsageError for
    an unknown facet or value before anything changes.
    """
    wanted = [(facet, *find_tag(facet, value)) for facet, value in ((find_facet(name), said[name]) for name in said)]
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    changed: Counter[str] = Counter()

    def rewrite(picture: TaggedPicture) -> Retagged | None:
        found: Retagged | None = None
        for facet, tag, meant in wanted:
            if (new := _rewrite(picture, facet, tag, meant)) is not None:
                found = new
                changed[facet] += 1
                picture = replace(
                    picture,
                    added=[one for one, present in new.tags if present],
                    removed=[one for one, present in new.tags if not present],
                )
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
    return {facet: changed[facet] for facet in said}


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


def _rewrite(picture: TaggedPicture, facet: Facet, tag: str, value: str) -> Retagged | None:
    gone = {fold_tag(one) for one in picture.removed}
    own = {fold_tag(one) for one in picture.added}
    # Highest first; which one is how much higher does not matter to a facet.
    scored = {fold_tag(one): 1.0 / (place + 1) for place, one in reversed(list(enumerate(picture.scored)))}
    scored = {one: score for one, score in scored.items() if one not in gone}
    if read_facets(own, scored).get(facet) == value and (tag in own or tag in scored):
        return None
    wrong = {one: found for found, tags in TAGS_OF[facet].items() for one in tags if found != value}
    removed = [one for one in picture.added if _contradicts(facet, value, wrong.get(fold_tag(one)), own=True)]
    struck = {fold_tag(one) for one in removed}
    removed += [
        one
        for one in dict.fromkeys(map(fold_tag, picture.scored))
        if one not in struck and one not in gone and _contradicts(facet, value, wrong.get(one), own=False)
    ]
    kept = [one for one in picture.added if fold_tag(one) not in struck]
    if tag not in {fold_tag(one) for one in kept}:
        kept.append(tag)
    before = [one for one in picture.removed if fold_tag(one) != tag]
    return Retagged([*((one, True) for one in kept), *((one, False) for one in (*before, *removed))], picture.caption)


def _contradicts(facet: Facet, value: str, said: str | None, *, own: bool) -> bool:
    """Whether a tag that says another value has to go for this one to hold; of the person's own, any that would win."""
    if said is None:
        return False
    if any({said, value} <= group for group in _EITHER_OR[facet]):
        return True
    order = list(TAGS_OF[facet])
    return own and order.index(said) < order.index(value)
