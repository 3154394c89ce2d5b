"""What captions are computed from, for many pictures at once, and rewriting a person's tags in one step."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, exists, false, func, literal_column, or_, select

from loratui.catalog import tables
from loratui.catalog.edits import write_rules
from loratui.catalog.query import Duplicates, Selection, as_values, choose_ids, counting_tagger
from loratui.catalog.subjects import look_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, ScalarSelect, Select

    from loratui.catalog.edits import RulesEdit
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

_HIGH = 0.2
"""Scores from here on are in the index `ix_tag_score_high`."""

_m, _e, _s = tables.membership.c, tables.tag_edit.c, tables.tag_score.c
_SENTENCE = select(tables.sentence.c.text).where(tables.sentence.c.membership_id == _m.id).scalar_subquery()
_READ = exists().where(tables.tagging.c.picture_id == _m.picture_id)


@dataclass(frozen=True, slots=True)
class TaggedPicture:
    """A picture of a subject with all that its caption is made of.

    `caption` is what a person wrote, empty when it is computed. `added` and `removed` are a person's word on tags,
    in their order; `scored` are a tagger's tags as it spells them, those above its thresholds, highest first.
    """

    id: int
    name: str
    role: str
    repeats: int
    caption: str
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    scored: Sequence[str] = ()
    sentence: str = ""
    """What a captioner wrote about it."""
    read: bool = False
    """Whether a tagger has read it, whatever it found."""

    @property
    def counts(self) -> bool:
        """Whether anyone looked at it, a tagger or a person: what shares of tags are shares of."""
        return self.read or bool(self.added or self.removed or self.scored)


@dataclass(frozen=True, slots=True)
class Retagged:
    """What a person says about a picture from now on: tags in order, each present or not, and a whole caption."""

    tags: Sequence[tuple[str, bool]]
    caption: str


def list_tagged(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection = "",
    *,
    thresholds: Mapping[str, float],
    duplicates: Duplicates | None = None,
) -> list[TaggedPicture]:
    """The selected pictures with their tags; a tagger's tag counts from the threshold of its category on (0 to 1).

    Made for ten thousand pictures of twenty tags: everything is read in one statement.
    """
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        return _read(connection, owner, choose_ids(connection, owner.id, selection, duplicates), thresholds)


def rewrite_tags(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    rewrite: Callable[[TaggedPicture], Retagged | None],
    *,
    thresholds: Mapping[str, float],
    action: str,
    label: str,
    duplicates: Duplicates | None = None,
    rules: RulesEdit | None = None,
) -> int:
    """Let a function say anew what a person says about each selected picture, as one step that undo takes back.

    `rules` makes the subject's caption rules of those that are stored, in the same step.

    None leaves a picture as it is. `{pictures}` in the label becomes what this returns: the pictures that changed.
    """
    with catalog.journal(action, label) as change:
        owner = look_up(change.connection, subject)
        pictures = _read(
            change.connection, owner, choose_ids(change.connection, owner.id, selection, duplicates), thresholds
        )
        wanted = [(picture, new) for picture in pictures if (new := rewrite(picture)) is not None]
        known: dict[int, dict[str, tuple[int, bool, int]]] = defaultdict(dict)
        rows = select(_e.membership_id, _e.tag, _e.id, _e.present, _e.position)
        for id_, tag, row_id, present, place in change.connection.execute(
            rows.where(_e.membership_id.in_(as_values(picture.id for picture, _ in wanted)))
        ):
            known[id_][tag] = (row_id, present, place)
        gone: list[int] = []
        kept: dict[int, dict[str, Any]] = {}
        fresh: list[dict[str, Any]] = []
        captions: dict[int, dict[str, Any]] = {}
        changed = 0
        for picture, new in wanted:
            before = (len(gone), len(kept), len(fresh), len(captions))
            had = known[picture.id]
            last = -1
            for tag, present in new.tags:
                row = had.pop(tag, None)
                # A place is kept as long as the order is right: fewer rows change.
                position = last + 1 if row is None or (row[2] <= last and present) else row[2]
                last = position if present else last
                if row is None:
                    fresh.append({"membership_id": picture.id, "tag": tag, "present": present, "position": position})
                elif row[1:] != (present, position):
                    kept[row[0]] = {"present": present, "position": position}
            gone += [row[0] for row in had.values()]
            if new.caption != picture.caption:
                captions[picture.id] = {"caption": new.caption or None}
            changed += before != (len(gone), len(kept), len(fresh), len(captions))
        # What goes makes room first: a tag stands once per picture.
        change.delete(tables.tag_edit, gone)
        change.update(tables.tag_edit, sorted(kept), [kept[id_] for id_ in sorted(kept)])
        change.insert(tables.tag_edit, fresh)
        change.update(tables.membership, sorted(captions), [captions[id_] for id_ in sorted(captions)])
        if rules is not None:
            write_rules(change, owner, rules)
        change.label = label.replace("{pictures}", f"{changed} picture{'s' * (changed != 1)}")[:200]
        return changed


def list_known_tags(catalog: Catalog) -> list[str]:
    """Every tag that a person has added to any picture of any subject, each spelling once, in alphabetic order."""
    with catalog.read() as connection:
        # Hops from one tag to the next in the index: twenty million edits cost no more than a thousand.
        return [tag for (tag,) in connection.exec_driver_sql(_HOP)]


_HOP = """
WITH RECURSIVE known (tag) AS (
    SELECT min(tag) FROM tag_edit WHERE present
    UNION ALL
    SELECT (SELECT min(tag) FROM tag_edit WHERE present AND tag_edit.tag > known.tag) FROM known
    WHERE known.tag IS NOT NULL
)
SELECT tag FROM known WHERE tag IS NOT NULL
"""


def _read(
    connection: Connection, owner: Subject, ids: Sequence[int], thresholds: Mapping[str, float]
) -> list[TaggedPicture]:
    # Both lists come as one text for each picture: joining the tags in SQLite takes half as long as fetching them as
    # two hundred thousand rows. It keeps the order of a subquery for group_concat. Tuples of text, unlike lists, cost
    # the garbage collector nothing: it stops every thread, the one that draws included.
    said = select(case((_e.present, _ADDED), else_=_REMOVED).concat(_e.tag).label("tag"))
    said = said.where(_e.membership_id == _m.id).order_by(_e.position, _e.id)
    passes = or_(false(), *(and_(_s.category == name, _s.score >= least) for name, least in thresholds.items()))
    counts = _s.tagger == counting_tagger(_m.picture_id)
    scored = select(_s.tag).where(_s.picture_id == _m.picture_id, counts, passes)
    scored = scored.order_by(_s.score.desc(), _s.tag)
    if all(least >= _HIGH for least in thresholds.values()):
        # Said as a number, so that SQLite can tell that its index of high scores has them all.
        scored = scored.where(_s.score >= literal_column(str(_HIGH)))
    statement = select(_m.id, _m.name, _m.role, _m.repeats, _m.caption, _join(said), _join(scored), _SENTENCE, _READ)
    # From the driver's own cursor, which makes no row objects.
    cursor = connection.execute(statement.where(_m.id.in_(as_values(ids))).order_by(_m.id)).cursor
    usual = {"primary": owner.primary_repeats, "supporting": owner.supporting_repeats}
    return [
        TaggedPicture(
            id_,
            name,
            role,
            repeats or usual.get(role, 1),
            (caption or "").strip(),
            *_split(edits or ""),
            tuple(scores.split(_BETWEEN)) if scores else (),
            sentence or "",
            bool(read),
        )
        for id_, name, role, repeats, caption, edits, scores, sentence, read in (cursor.fetchall() if cursor else ())
    ]


_BETWEEN, _ADDED, _REMOVED = "\x1f", "+", "-"


def _join(tags: Select[str]) -> ScalarSelect[str]:
    rows = tags.correlate(tables.membership).subquery()
    return select(func.group_concat(rows.c.tag, func.char(ord(_BETWEEN)))).scalar_subquery()


def _split(edits: str) -> tuple[Sequence[str], Sequence[str]]:
    """The tags that a person added and those that they removed, from one text."""
    if not edits:
        return (), ()
    if edits[0] == _ADDED and _BETWEEN + _REMOVED not in edits:
        return tuple(edits[1:].split(_BETWEEN + _ADDED)), ()
    signed = edits.split(_BETWEEN)
    return tuple(tag[1:] for tag in signed if tag[0] == _ADDED), tuple(tag[1:] for tag in signed if tag[0] == _REMOVED)
