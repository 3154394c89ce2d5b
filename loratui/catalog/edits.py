"""What people and taggers say about pictures: captions, tag edits, tag scores, and the rules of a subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from loratui.catalog import tables
from loratui.catalog.query import Duplicates, Selection, as_values, choose_ids, counting_tagger, tag_key
from loratui.catalog.rows import TagEdit, TagScore
from loratui.catalog.scores import mark_tagged
from loratui.catalog.subjects import look_up
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from loratui.catalog.changes import Change
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

RulesEdit = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Makes caption rules of those that are stored."""

ScoredTag = tuple[str, str, float]
"""(tag, category, score from 0 to 1)."""

_EDIT = (tables.tag_edit.c.membership_id, tables.tag_edit.c.tag, tables.tag_edit.c.present, tables.tag_edit.c.position)
_SCORE = tuple(tables.tag_score.c[name] for name in TagScore.__slots__)


def set_caption(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    text: str | None,
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Write one caption for the selected pictures, or with None let it be computed again; returns how many changed."""
    owner = _owner(catalog, subject)
    with catalog.journal("caption.set", f"{owner.name}: caption") as change:
        ids = choose_ids(change.connection, owner.id, selection, duplicates)
        changed = change.update(tables.membership, ids, {"caption": _clean_caption(text)})
        change.label = f"{owner.name}: caption for {changed} picture{'s' * (changed != 1)}"
        return changed


def add_tags(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    tags: Sequence[str],
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Say that the selected pictures show these tags; returns how many edits changed."""
    return write_tag_edits(catalog, subject, selection, add=tags, duplicates=duplicates)


def remove_tags(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    tags: Sequence[str],
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Say that the selected pictures don't show these tags, whatever a tagger scored; returns the edits changed."""
    return write_tag_edits(catalog, subject, selection, remove=tags, duplicates=duplicates)


def write_tag_edits(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    duplicates: Duplicates | None = None,
) -> int:
    """Add and remove tags in one step that undo takes back; returns how many edits changed.

    What people ask for goes through captions.tag_edits, which tells what came of it.
    """
    owner = _owner(catalog, subject)
    wanted = [(clean_tags(tags, new=present), present) for tags, present in ((add, True), (remove, False)) if tags]
    said = "; ".join(f"{'add' if present else 'remove'} {', '.join(tags)}" for tags, present in wanted)
    action = "tags.edit" if len(wanted) == 2 else "tags.add" if add else "tags.remove"
    with catalog.journal(action, f"{owner.name}: {said}"[:200]) as change:
        ids = choose_ids(change.connection, owner.id, selection, duplicates)
        return sum(_write_edits(change, ids, tags, present) for tags, present in wanted)


def forget_tag_edits(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    tags: Sequence[str] | None = None,
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Take back what was said about these tags, or about all with None; returns how many edits went."""
    owner = _owner(catalog, subject)
    with catalog.journal("tags.forget", f"{owner.name}: forget tag edits") as change:
        ids = choose_ids(change.connection, owner.id, selection, duplicates)
        wanted = None if tags is None else {tag_key(tag) for tag in tags}
        edits = _read_edits(change.connection, ids)
        return change.delete(
            tables.tag_edit,
            [row_id for row_id, edit in edits if wanted is None or tag_key(edit.tag) in wanted],
        )


def tag_edits_of(
    catalog: Catalog, subject: Subject | str, *, ids: Sequence[int] | None = None
) -> dict[int, list[TagEdit]]:
    """Tag edits by membership id, in their order, of these memberships or of all; those without any are left out."""
    edit, member = tables.tag_edit.c, tables.membership.c
    found: dict[int, list[TagEdit]] = defaultdict(list)
    with catalog.read() as connection:
        joined = tables.tag_edit.join(tables.membership, member.id == edit.membership_id)
        chosen = select(*_EDIT).select_from(joined).where(member.subject_id == look_up(connection, subject).id)
        if ids is not None:
            chosen = chosen.where(edit.membership_id.in_(as_values(ids)))
        for row in connection.execute(chosen.order_by(edit.membership_id, edit.position, edit.id)):
            found[row.membership_id].append(TagEdit(*row))
    return dict(found)


def store_tag_scores(catalog: Catalog, picture_id: int, tagger: str, scores: Iterable[ScoredTag]) -> None:
    """Keep what a tagger said about a picture, in place of what the same tagger said before."""
    store_many_tag_scores(catalog, tagger, {picture_id: scores})


def store_many_tag_scores(catalog: Catalog, tagger: str, scores: Mapping[int, Iterable[ScoredTag]]) -> None:
    """Keep what a tagger said, by picture id, in one transaction: give it some hundred pictures at a time."""
    rows = [
        # Lower case, so that an exact search can use the index.
        {"picture_id": picture_id, "tagger": tagger, "tag": tag.lower(), "category": category, "score": float(score)}
        for picture_id, scored in scores.items()
        for tag, category, score in scored
    ]
    score_of = tables.tag_score.c
    with catalog.write() as connection:
        connection.execute(
            tables.tag_score.delete().where(score_of.tagger == tagger, score_of.picture_id.in_(as_values(scores)))
        )
        if rows:
            connection.execute(insert(tables.tag_score), rows)
        mark_tagged(connection, tagger, scores)


def tag_scores_of(
    catalog: Catalog,
    subject: Subject | str,
    tagger: str | None = None,
    *,
    least: float = 0.0,
    tags: Iterable[str] | None = None,
    picture_ids: Sequence[int] | None = None,
) -> dict[int, list[TagScore]]:
    """Tag scores by picture id, highest first; from `least` on, of these tags or of all.

    They are those of one tagger, or without `tagger` of the one that was asked last about each picture. Tags are
    given in lower case; they are found with underscores and with spaces. Without `picture_ids` all pictures of the
    subject are looked at.
    """
    score, member = tables.tag_score.c, tables.membership.c
    found: dict[int, list[TagScore]] = defaultdict(list)
    with catalog.read() as connection:
        joined = tables.tag_score.join(tables.membership, member.picture_id == score.picture_id)
        chosen = select(*_SCORE).select_from(joined).where(member.subject_id == look_up(connection, subject).id)
        chosen = chosen.where(score.tagger == (counting_tagger(member.picture_id) if tagger is None else tagger))
        if picture_ids is not None:
            chosen = chosen.where(score.picture_id.in_(as_values(picture_ids)))
        if least > 0:
            chosen = chosen.where(score.score >= least)
        if tags is not None:
            spelled = {form for tag in tags for form in (tag.replace(" ", "_"), tag.replace("_", " "))}
            chosen = chosen.where(score.tag.in_(sorted(spelled)))
        # From the driver's own cursor: there may be millions, and rows of SQLAlchemy's would double the time.
        rows = connection.execute(chosen.order_by(score.picture_id, score.score.desc(), score.tag)).cursor
        for row in rows.fetchall() if rows else ():
            found[row[0]].append(TagScore(*row))
    return dict(found)


def get_rules(catalog: Catalog, subject: Subject | str) -> dict[str, Any]:
    """The caption rules of a subject as they were stored; empty when none were."""
    rules = tables.caption_rules.c
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        found = connection.execute(select(rules.rules).where(rules.subject_id == owner.id)).scalar()
        return dict(found or {})


def set_rules(
    catalog: Catalog,
    subject: Subject | str,
    values: Mapping[str, Any] | RulesEdit,
    *,
    label: str | Callable[[], str] = "caption rules",
) -> dict[str, Any]:
    """Store the caption rules of a subject, and return them; what they may hold is the business of captions.

    A function makes them of those that are stored, with no other writer in between; then another one may tell what
    history says of it.
    """
    owner = _owner(catalog, subject)
    with catalog.journal("rules.set", f"{owner.name}: caption rules") as change:
        wanted = write_rules(change, owner, values)
        change.label = f"{owner.name}: {label if isinstance(label, str) else label()}"[:200]
        return wanted


def write_rules(change: Change, owner: Subject, values: Mapping[str, Any] | RulesEdit) -> dict[str, Any]:
    """Like `set_rules`, as part of a change."""
    rules = tables.caption_rules
    found = change.connection.execute(select(rules.c.rules).where(rules.c.subject_id == owner.id)).first()
    stored = dict(found.rules or {}) if found else {}
    wanted = dict(values(dict(stored)) if callable(values) else values)
    if wanted == stored:
        return stored
    if found is None:
        change.insert(rules, [{"subject_id": owner.id, "rules": wanted}])
    else:
        change.update(rules, [owner.id], {"rules": wanted})
    return wanted


def _write_edits(change: Change, ids: Sequence[int], wanted: Sequence[str], present: bool) -> int:
    known: dict[int, dict[str, int]] = defaultdict(dict)
    last: dict[int, int] = defaultdict(lambda: -1)
    for row_id, edit in _read_edits(change.connection, ids):
        known[edit.membership_id][tag_key(edit.tag)] = row_id
        last[edit.membership_id] = max(last[edit.membership_id], edit.position)
    turned: list[int] = []
    fresh: list[dict[str, Any]] = []
    for id_ in ids:
        for tag in wanted:
            if (edit_id := known[id_].get(tag_key(tag))) is not None:
                turned.append(edit_id)
            else:
                last[id_] += 1
                fresh.append({"membership_id": id_, "tag": tag, "present": present, "position": last[id_]})
    changed = change.update(tables.tag_edit, sorted(turned), {"present": present})
    return changed + len(change.insert(tables.tag_edit, fresh))


def _read_edits(connection: Connection, ids: Sequence[int]) -> list[tuple[int, TagEdit]]:
    edit = tables.tag_edit.c
    chosen = select(edit.id, *_EDIT).where(edit.membership_id.in_(as_values(ids)))
    rows = connection.execute(chosen.order_by(edit.membership_id, edit.position, edit.id))
    return [(row_id, TagEdit(*values)) for row_id, *values in rows]


def clean_tags(tags: Sequence[str], *, new: bool = False) -> list[str]:
    """Tags without surrounding space, each once, in order; raises UsageError for one that no caption can hold.

    With `new` they are about to be said of pictures, and none may begin with a minus: that means removal.
    """
    kept: dict[str, str] = {}
    for tag in tags:
        clean = tag.strip()
        if not clean or "," in clean or not clean.isprintable():
            raise UsageError(f"{tag!r} is no tag.", hint="A tag is a few words on one line, without a comma.")
        if new and clean.startswith("-"):
            raise UsageError(
                f"{clean!r} is no tag to add: it begins with a minus.",
                hint=f"Remove the tag {clean.lstrip('- ')!r} instead: `loratui tags remove` or "
                "`caption tag --remove`, m or x in the app.",
            )
        kept.setdefault(tag_key(clean), clean)
    return list(kept.values())


def _clean_caption(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())


def _owner(catalog: Catalog, subject: Subject | str) -> Subject:
    with catalog.read() as connection:
        return look_up(connection, subject)
