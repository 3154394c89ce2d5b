"""The pictures of a subject with the numbers and tags that a survey of what they show needs, read at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from loratui.catalog.subjects import look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

_BETWEEN, _WITHIN = "\x1f", "\x1e"
_STEPS = 10_000

# Tags come as one text for each picture: a row for each takes twice as long. SQLite keeps the order of a subquery
# for group_concat. Of several taggers the one asked last counts, as for captions (see query.counting_tagger).
_QUERY = f"""
SELECT m.id, m.picture_id, m.name, m.role,
    coalesce(m.repeats, CASE m.role WHEN 'primary' THEN :primary WHEN 'supporting' THEN :supporting ELSE 1 END),
    m.rating, coalesce(m.crop_width, p.width), coalesce(m.crop_height, p.height), p.sharpness, p.luminance,
    p.phash, p.dhash, p.bytes, p.format, p.state, p.warnings,
    (SELECT group_concat(said, char({ord(_BETWEEN)})) FROM (
        SELECT iif(e.present, '+', '-') || e.tag AS said FROM tag_edit e WHERE e.membership_id = m.id
        ORDER BY e.position, e.id)),
    (SELECT group_concat(s.tag || char({ord(_WITHIN)}) || CAST(round(s.score * {_STEPS}) AS INTEGER),
        char({ord(_BETWEEN)}))
        FROM tag_score s WHERE s.picture_id = m.picture_id AND s.score >= :least AND s.category = 'general'
        AND s.tagger = (SELECT t.tagger FROM tagging t WHERE t.picture_id = m.picture_id ORDER BY t.id DESC LIMIT 1) %s)
FROM membership m JOIN picture p ON p.id = m.picture_id
WHERE m.subject_id = :subject AND m.role IN (SELECT value FROM json_each(:roles))
ORDER BY m.id
"""
_AMONG = "AND s.tag IN (SELECT value FROM json_each(:tags))"


class SurveyedPicture(NamedTuple):
    """A picture of a subject; sizes in pixels of what training uses, hashes as signed 64-bit integers.

    `repeats` is what training uses, `luminance` goes from 0 (black) to 1 (white), `warnings` are codes of
    remarks.REMARKS.
    """

    id: int
    """Of its membership."""
    picture_id: int
    name: str
    role: str
    repeats: int
    rating: int
    used_width: int
    used_height: int
    sharpness: float
    luminance: float
    phash: int
    dhash: int
    bytes: int
    format: str
    state: str
    warnings: tuple[str, ...]
    edits: tuple[tuple[str, bool], ...]
    """What a person says of it: tags and whether they are there, in order."""
    scores: tuple[tuple[str, float], ...]
    """What the tagger that counts says: general tags as it spells them, with scores to four decimals, in no order."""


def list_surveyed(
    catalog: Catalog,
    subject: Subject | str,
    *,
    roles: Sequence[str],
    least: float,
    tags: Iterable[str] | None = None,
) -> list[SurveyedPicture]:
    """All pictures in these roles, in the order they were added, with the tags scored from `least` on (0 to 1).

    `tags` are the only ones wanted of taggers, in lower case; they are found with underscores and with spaces.
    Made for tens of thousands of pictures: everything is read in one statement.
    """
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        values: dict[str, object] = {
            "subject": owner.id,
            "primary": owner.primary_repeats,
            "supporting": owner.supporting_repeats,
            "roles": json.dumps(list(roles)),
            "least": least,
        }
        if tags is not None:
            values["tags"] = json.dumps(sorted({form for tag in tags for form in (tag, tag.replace(" ", "_"))}))
        # In the driver's words, whose rows cost nothing to make.
        cursor = connection.exec_driver_sql(_QUERY % ("" if tags is None else _AMONG), values).cursor
        rows = cursor.fetchall() if cursor else ()
    return [
        SurveyedPicture._make(
            (
                *row[:15],
                tuple(json.loads(row[15])) if row[15] != "[]" else (),
                tuple((said[1:], said[0] == "+") for said in row[16].split(_BETWEEN)) if row[16] else (),
                _read_scores(row[17]) if row[17] else (),
            )
        )
        for row in rows
    ]


def _read_scores(text: str) -> tuple[tuple[str, float], ...]:
    pairs = (entry.split(_WITHIN) for entry in text.split(_BETWEEN))
    return tuple((tag, int(steps) / _STEPS) for tag, steps in pairs)
