"""Pictures of a subject that may not be used, by the captions too that they would get; see catalog.ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.captions.service import captions_of
from loratui.catalog import ratings
from loratui.catalog.findings import Measured, replace_findings
from loratui.catalog.query import select_memberships
from loratui.catalog.rating_words import find_rating_words
from loratui.catalog.ratings import UnfitPicture, list_unfit, tell_remedy
from loratui.catalog.vectors import taggers_of
from loratui.catalog.vocabulary import ROLES
from loratui.catalog.youth_words import find_youth_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

CHECK = "unfit"
"""The kind under which they are flagged: `flag:unfit` finds them."""

BY_HAND = "person"
"""Who is named as the model when no tagger has read a picture and a person's own tags say it."""

_ACCEPTED = tuple(role for role in ROLES if role != "rejected")


def find_refused(catalog: Catalog, subject: Subject, roles: Sequence[str] = _ACCEPTED) -> list[UnfitPicture]:
    """The pictures of these roles that may not be used, by ratings, tags and captions."""
    return list_unfit(catalog, subject, roles=roles, captions=lambda chosen: captions_of(catalog, subject, chosen))


def flag_refused(catalog: Catalog, subject: Subject) -> list[UnfitPicture]:
    """Find the pictures that may not be used and flag them, so that people see them; flags decide nothing."""
    found = find_refused(catalog, subject)
    accepted = select_memberships(catalog, subject, "-role:rejected")
    replace_findings(catalog, [CHECK], [picture.picture_id for picture in accepted], measure_refused(catalog, found))
    return found


def measure_refused(catalog: Catalog, found: Sequence[UnfitPicture]) -> list[Measured]:
    """What is kept of pictures that may not be used: the reason, and the tagger whose scores count."""
    taggers = taggers_of(catalog, [each.membership.picture_id for each in found])
    return [
        Measured(
            each.membership.picture_id,
            CHECK,
            taggers.get(each.membership.picture_id, BY_HAND),
            1.0,
            {"why": f"{each.why}: it is never trained", "rating": each.rating, "words": list(each.words)},
        )
        for each in found
    ]


def warn_of_tags(catalog: Catalog, subject: Subject, ids: Sequence[int], tags: Sequence[str]) -> list[str]:
    """That some pictures, by their memberships' ids, can't be used for what their new tags say; empty when they can."""
    text = ", ".join(tags)
    if not find_rating_words(text) and not find_youth_words(text):
        return []
    if warnings := ratings.warn_of_words(subject, text):
        return warnings
    # Together with what else is known of a picture: a sign of youth in one that is sexual, another subject of it.
    with catalog.read() as connection:
        found = ratings.find_refused(connection, subject, ids)
    warning = warn_of_refused(subject, found)
    return [warning] if warning else []


def warn_of_refused(subject: Subject, found: Sequence[UnfitPicture]) -> str:
    """One sentence about pictures that may not be used, with what to do; empty when there are none."""
    if not found:
        return ""
    count = "1 picture" if len(found) == 1 else f"{len(found)} pictures"
    first = found[0]
    return (
        f"{count} of {subject.name} can't be used, such as {first.membership.name} ({first.why}). "
        f"They are never trained nor exported. {tell_remedy(subject, found)}"
    )
