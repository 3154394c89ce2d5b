"""Selecting the pictures of a subject: the query language compiled to SQL."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    case,
    column,
    func,
    not_,
    or_,
    select,
    true,
)

from loratui.catalog import tables
from loratui.catalog.flags import is_flagged, is_rated
from loratui.catalog.grammar import And, Everything, Match, Not, Or, Query, Range, parse_query, print_query
from loratui.catalog.rows import Membership, Subject
from loratui.catalog.subjects import look_up
from loratui.catalog.vocabulary import ROLES
from loratui.errors import UsageError

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog

__all__ = [
    "ORDERS",
    "Duplicates",
    "Order",
    "Selection",
    "count_memberships",
    "get_memberships",
    "parse_query",
    "print_query",
    "select_ids",
    "select_memberships",
]

TAG_SHOWN_FROM = 0.35
"""A scored tag counts as present from here on, unless the subject's caption rules say otherwise."""

CHARACTER_SHOWN_FROM = 0.85
"""The same for the name of a character."""

Selection = str | Sequence[int]
"""Which memberships an action is about: a query, or their ids."""

Order = Literal["added", "name", "size", "rating", "role", "sharpness"]
"""What pictures can be put in order by; `size` is the short side in pixels."""

Duplicates = Callable[[], set[int]]
"""Gives the ids of memberships that are in a group of duplicates."""

_m, _p, _s = tables.membership.c, tables.picture.c, tables.subject.c
_SHORT_SIDE = func.min(_p.width, _p.height)
REPEATS = func.coalesce(
    _m.repeats,
    case((_m.role == "primary", _s.primary_repeats), (_m.role == "supporting", _s.supporting_repeats), else_=1),
)
"""The repeats that training uses, over memberships joined with their subject."""
_NUMBERS: dict[str, Any] = {
    "size": _SHORT_SIDE,
    "width": _p.width,
    "height": _p.height,
    "repeats": REPEATS,
    "rating": _m.rating,
}
_COMPUTED: dict[str, Any] = {
    "id": _m.id,
    "repeats": REPEATS.label("repeats"),
    "own_repeats": _m.repeats.label("own_repeats"),
}
_ORDERS: dict[Order, Any] = {
    "added": _m.id,
    "name": _m.name.collate("NOCASE"),
    "size": _SHORT_SIDE,
    "rating": _m.rating,
    "role": case({role: rank for rank, role in enumerate(ROLES)}, value=_m.role),
    "sharpness": _p.sharpness,
}
ORDERS: tuple[Order, ...] = tuple(_ORDERS)

# In the order of the dataclass, so that a row unpacks into it.
_COLUMNS = [
    _COMPUTED[name] if name in _COMPUTED else _m[name] if name in _m else _p[name] for name in Membership.__slots__
]
_JOINED = tables.membership.join(tables.picture, _p.id == _m.picture_id).join(tables.subject, _s.id == _m.subject_id)

# Formats as people call them.
_FORMATS = {"jpg": "jpeg", "tif": "tiff"}


def select_memberships(
    catalog: Catalog,
    subject: Subject | str,
    query: str | Query = "",
    limit: int | None = None,
    *,
    after: int = 0,
    duplicates: Duplicates | None = None,
) -> list[Membership]:
    """The pictures of a subject that a query chooses, in the order they were added.

    A page is `limit` rows with an id above `after`: pass the last id to get the next one.
    Raises NotFoundError for the subject, UsageError for the query.
    """
    node = parse_query(query) if isinstance(query, str) else query
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        statement = _choose(_COLUMNS, owner.id, node, duplicates).where(_m.id > after).limit(limit)
        return [Membership(*row) for row in connection.execute(statement)]


def select_ids(
    catalog: Catalog,
    subject: Subject | str,
    query: str | Query = "",
    *,
    order: Order = "added",
    descending: bool = False,
    limit: int | None = None,
    duplicates: Duplicates | None = None,
) -> array[int]:
    """The ids of the memberships that a query chooses, in an order; equal ones stay in the order they were added.

    Made for walls of a hundred thousand pictures: `get_memberships` then gives the rows of a page.
    Raises NotFoundError for the subject, UsageError for the query or the order.
    """
    if order not in _ORDERS:
        raise UsageError(f"Pictures can't be sorted by '{order}'.", hint=f"Orders: {', '.join(ORDERS)}.")
    node = parse_query(query) if isinstance(query, str) else query
    by = _ORDERS[order].desc() if descending else _ORDERS[order]
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        # Tables that neither the query nor the order names stay out of it: the join is most of the time.
        statement = select(_m.id).where(_m.subject_id == owner.id, _compile(node, owner.id, duplicates))
        statement = statement.order_by(by, _m.id).limit(limit)
        named = {*statement.get_final_froms(), *select(_ORDERS[order]).get_final_froms()}
        if tables.picture in named:
            statement = statement.where(_p.id == _m.picture_id)
        if tables.subject in named:
            statement = statement.where(_s.id == _m.subject_id)
        # As one text: for each row that is fetched other threads must give the interpreter back, and while they draw
        # pictures a hundred thousand rows took eight times as long. SQLite keeps the order for what depends on it.
        listed = connection.execute(select(func.group_concat(statement.subquery().c.id))).scalar()
        return array("q", json.loads(f"[{listed or ''}]"))


def get_memberships(catalog: Catalog, ids: Sequence[int]) -> list[Membership]:
    """Memberships by id, whatever their subject; ids that don't exist are left out."""
    with catalog.read() as connection:
        return read_memberships(connection, ids)


def read_memberships(connection: Connection, ids: Sequence[int]) -> list[Membership]:
    """Like `get_memberships`, within a transaction."""
    statement = select(*_COLUMNS).select_from(_JOINED).where(_m.id.in_(as_values(ids))).order_by(_m.id)
    return [Membership(*row) for row in connection.execute(statement)]


def count_memberships(
    catalog: Catalog, subject: Subject | str, query: str | Query = "", *, duplicates: Duplicates | None = None
) -> int:
    """How many pictures of a subject a query chooses."""
    node = parse_query(query) if isinstance(query, str) else query
    with catalog.read() as connection:
        chosen = _choose([_m.id], look_up(connection, subject).id, node, duplicates).order_by(None).subquery()
        return int(connection.execute(select(func.count()).select_from(chosen)).scalar_one())


def repeats_of(connection: Connection, ids: Sequence[int]) -> list[int]:
    """What training uses as repeats of memberships, in the order of their ids."""
    found = connection.execute(select(_m.id, REPEATS).select_from(_JOINED).where(_m.id.in_(as_values(ids))))
    repeats: dict[int, int] = {id_: number for id_, number in found}
    return [repeats[id_] for id_ in ids]


def choose_ids(
    connection: Connection, subject_id: int, selection: Selection, duplicates: Duplicates | None = None
) -> list[int]:
    """The membership ids of a selection; raises UsageError for ids that the subject doesn't have."""
    if isinstance(selection, str):
        return list(connection.execute(_choose([_m.id], subject_id, parse_query(selection), duplicates)).scalars())
    wanted = set(selection)
    # Compared here: asked for the subject too, SQLite would go through all its pictures to find a few.
    statement = select(_m.id, _m.subject_id).where(_m.id.in_(as_values(wanted))).order_by(_m.id)
    found = [id_ for id_, owner in connection.execute(statement) if owner == subject_id]
    if missing := sorted(wanted.difference(found)):
        raise UsageError(
            f"{len(missing)} of these pictures are not in the subject (the first is {missing[0]}).",
            hint="They may have been removed meanwhile: list the pictures again.",
        )
    return found


def as_values(values: Iterable[int] | Iterable[str]) -> Select[Any]:
    """Numbers or texts as a subquery with one parameter, however many there are."""
    return select(column("value")).select_from(func.json_each(json.dumps(list(values))))


def counting_tagger(picture_id: Column[int]) -> ScalarSelect[Any]:
    """The tagger whose scores count for a picture, the one asked last; for use in a statement about its table."""
    known = tables.tagging.c
    # The row of the highest id: SQLite gives the other columns of the row with the maximum.
    newest = select(known.tagger, func.max(known.id)).where(known.picture_id == picture_id)
    return select(newest.correlate(picture_id.table).subquery().c.tagger).scalar_subquery()


def tag_key(tag: str) -> str:
    """What two spellings of a tag have in common: ASCII case, and spaces for underscores."""
    return "".join(char.lower() if char.isascii() else char for char in tag.strip()).replace(" ", "_")


def _choose(
    columns: Sequence[Any], subject_id: int, node: Query, duplicates: Duplicates | None
) -> Select[tuple[Any, ...]]:
    condition = _compile(node, subject_id, duplicates)
    return select(*columns).select_from(_JOINED).where(_m.subject_id == subject_id, condition).order_by(_m.id)


def _compile(node: Query, subject_id: int, duplicates: Duplicates | None) -> ColumnElement[bool]:
    match node:
        case Everything():
            return true()
        case Not(part):
            return not_(_compile(part, subject_id, duplicates))
        case And(parts):
            return and_(*(_compile(part, subject_id, duplicates) for part in parts))
        case Or(parts):
            hashes, others = _split_hashes(parts)
            named = [func.substr(_p.sha256, 1, length).in_(as_values(found)) for length, found in hashes.items()]
            return or_(*named, *(_compile(part, subject_id, duplicates) for part in others))
        case Range(key, low, high):
            value = _NUMBERS[key]
            return and_(true() if low is None else value >= low, true() if high is None else value <= high)
        case Match():
            return _match(node, subject_id, duplicates)


def _split_hashes(parts: Sequence[Query]) -> tuple[dict[int, list[str]], list[Query]]:
    """The beginnings of hashes by their length, and the other parts: SQLite takes a thousand terms at most."""
    hashes: dict[int, list[str]] = {}
    others: list[Query] = []
    for part in parts:
        if isinstance(part, Match) and part.key == "sha":
            hashes.setdefault(len(part.text), []).append(part.text.lower())
        else:
            others.append(part)
    return hashes, others


def _match(node: Match, subject_id: int, duplicates: Duplicates | None) -> ColumnElement[bool]:
    text = node.text
    match node.key:
        case "name":
            return _like(_m.name, text, whole=node.exact)
        case "caption" if text in ("yes", "no"):
            written = func.coalesce(_m.caption, "") != ""
            return written if text == "yes" else not_(written)
        case "caption":
            return _like(func.coalesce(_m.caption, ""), text)
        case "tag":
            return _has_tag(text, subject_id)
        case "format":
            wanted = _FORMATS.get(text.lower(), text)
            return _like(_p.format, wanted, whole=True)
        case "sha":
            return _p.sha256.like(f"{text.lower()}%")
        case "dup":
            if duplicates is None:
                raise UsageError("`dup:` can't be used here.", hint="List the duplicates with `loratui dupes list`.")
            doubled = _m.id.in_(as_values(sorted(duplicates())))
            return doubled if text == "yes" else not_(doubled)
        case "crop":
            return _m.crop_width.is_not(None) if text == "yes" else _m.crop_width.is_(None)
        case "flag":
            return is_flagged(_m.picture_id, _m.subject_id, text)
        case "rated":
            return is_rated(_m.picture_id, text)
        case key:
            return {"role": _m.role, "state": _p.state, "kind": _s.kind}[key] == text


def _has_tag(pattern: str, subject_id: int) -> ColumnElement[bool]:
    """A person's word on the tag counts, else whether a tagger scored it high enough for captions of the subject."""
    edit, score = tables.tag_edit.c, tables.tag_score.c
    key = tag_key(pattern)

    def same(tag: Any) -> ColumnElement[bool]:
        return _like(func.replace(func.lower(tag), " ", "_"), key, whole=True)

    plain = _literal(key)
    # Scored tags are stored in lower case, so that the index on them answers in both spellings.
    scored = same(score.tag) if plain is None else score.tag.in_({plain, plain.replace("_", " ")})
    removed = select(edit.id).where(
        edit.membership_id == _m.id,
        not_(edit.present),
        func.replace(func.lower(edit.tag), " ", "_") == func.replace(score.tag, " ", "_"),
    )
    # Asked for once per statement: neither depends on a row.
    general = _read_rule(subject_id, "general_threshold", TAG_SHOWN_FROM)
    character = _read_rule(subject_id, "character_threshold", CHARACTER_SHOWN_FROM)
    is_shown = score.score >= case((score.category == "character", character), else_=general)
    # Said outright: SQLAlchemy would only tie it to the query right around it.
    removed = removed.correlate(tables.membership, tables.tag_score)
    return or_(
        _m.id.in_(select(edit.membership_id).where(edit.present, same(edit.tag))),
        and_(
            _p.id.in_(select(score.picture_id).where(scored, is_shown)),
            select(score.id)
            .where(score.picture_id == _p.id, scored, is_shown, not_(removed.exists()))
            .where(score.tagger == counting_tagger(score.picture_id))
            .exists(),
        ),
    )


def _read_rule(subject_id: int, name: str, default: float) -> ColumnElement[float]:
    """A number of a subject's caption rules as SQL; the default where none is stored."""
    rules = tables.caption_rules.c
    stored = select(func.json_extract(rules.rules, f"$.{name}")).where(rules.subject_id == subject_id)
    return func.coalesce(stored.scalar_subquery(), default)


def _like(value: Any, pattern: str, *, whole: bool = False) -> ColumnElement[bool]:
    """Compare without ASCII case; a pattern without wildcards is looked for anywhere unless `whole`."""
    if _literal(pattern) is not None and not whole:
        pattern = f"*{pattern}*"
    like, escaped = [], False
    for char in pattern:
        if not escaped and char in "\\*?":
            escaped = char == "\\"
            like.append({"*": "%", "?": "_", "\\": ""}[char])
        else:
            like.append(f"\\{char}" if char in "%_\\" else char)
            escaped = False
    matched: ColumnElement[bool] = value.like("".join(like), escape="\\")
    return matched


def _literal(pattern: str) -> str | None:
    """The text a pattern without wildcards stands for, else None."""
    text, escaped = [], False
    for char in pattern:
        if not escaped and char in "*?":
            return None
        if not escaped and char == "\\":
            escaped = True
            continue
        text.append(char)
        escaped = False
    return "".join(text)
