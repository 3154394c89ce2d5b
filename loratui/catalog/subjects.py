"""Subjects: adding, finding, changing and removing them, and who agreed to be one."""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, case, func, select

from loratui.catalog import tables
from loratui.catalog.rows import Subject, to_row
from loratui.catalog.store import now
from loratui.catalog.triggers import Tokenize, TriggerWarning, check_trigger, claim_trigger
from loratui.catalog.vocabulary import KINDS, ROLES, TRAINED
from loratui.errors import ConflictError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from loratui.catalog.store import Catalog

MAX_NAME = 100
MAX_REPEATS = 1_000

# Up to this many subjects are looked up one by one, not by reading the counts of all.
_FEW = 50


@dataclass(frozen=True, slots=True)
class SubjectSummary:
    """A subject with its counts; influence is pictures x repeats of a role."""

    subject: Subject
    pictures: int
    counts: dict[str, int] = field(default_factory=dict)
    """Pictures per role, every role named."""
    primary: int = 0
    supporting: int = 0
    runs: int = 0
    marks: dict[str, int] = field(default_factory=dict)
    """Per role, a number that changes when other pictures come or go."""

    @property
    def ratio(self) -> float | None:
        """Primary influence over supporting influence; None without supporting pictures."""
        return self.primary / self.supporting if self.supporting else None


def add_subject(
    catalog: Catalog,
    name: str,
    trigger: str,
    kind: str = "character",
    class_word: str = "",
    *,
    lora_folders: Sequence[Path] = (),
    tokenize: Tokenize | None = None,
) -> tuple[Subject, list[TriggerWarning]]:
    """Add a subject; returns it with what is doubtful about its trigger.

    Raises ConflictError when the name or the trigger is taken, UsageError when a value makes no sense.
    """
    values: dict[str, Any] = {
        "name": _check_name(name),
        "kind": _check_kind(kind),
        "class_word": class_word.strip(),
        "created_at": now(),
    }
    warnings = check_trigger(catalog, trigger, lora_folders=lora_folders, tokenize=tokenize)
    with catalog.journal("subject.add", f"add subject {values['name']}") as change:
        _refuse_taken_name(change.connection, values["name"])
        values |= claim_trigger(change.connection, trigger)
        (new_id,) = change.insert(tables.subject, [values])
        added = _by_id(change.connection, new_id)
        _refuse_unfit_words(change.connection, added)
        return added, warnings


def get_subject(catalog: Catalog, name: str) -> Subject:
    """The subject of a name, in any case; raises NotFoundError with the nearest names."""
    with catalog.read() as connection:
        return look_up(connection, name)


def find_missing(catalog: Catalog, names: Iterable[str]) -> set[str]:
    """Those of some names that no subject has, in any case."""
    with catalog.read() as connection:
        return {name for name in names if _find_name(connection, name.strip()) is None}


def look_up(connection: Connection, subject: Subject | str) -> Subject:
    """The present row of a subject, given by name or by an earlier copy; raises NotFoundError."""
    table = tables.subject
    name = subject.name if isinstance(subject, Subject) else subject.strip()
    wanted = subject.id if isinstance(subject, Subject) else _find_name(connection, name)
    found = connection.execute(select(table).where(table.c.id == wanted)).first()
    if found is None:
        raise _not_found(connection, name)
    return to_row(Subject, found)


def subjects_of_picture(catalog: Catalog, picture_id: int) -> list[str]:
    """Names of the subjects that a picture is in, in the order it came to them."""
    member, subject = tables.membership.c, tables.subject.c
    with catalog.read() as connection:
        joined = tables.membership.join(tables.subject, subject.id == member.subject_id)
        chosen = select(subject.name).select_from(joined).where(member.picture_id == picture_id).order_by(member.id)
        return list(connection.execute(chosen).scalars())


def list_subjects(catalog: Catalog, names: Collection[str] | None = None) -> list[SubjectSummary]:
    """All subjects by name, or those among `names`, each with its counts and influence."""
    chosen = select(tables.subject)
    if names is not None:
        chosen = chosen.where(tables.subject.c.name.in_(list(names)))
    with catalog.read() as connection:
        subjects = [to_row(Subject, row) for row in connection.execute(chosen).all()]
        return _summarize(connection, sorted(subjects, key=lambda subject: subject.name.casefold()))


def summarize_subject(catalog: Catalog, subject: Subject | str) -> SubjectSummary:
    """One subject with its counts and influence; raises NotFoundError."""
    with catalog.read() as connection:
        return _summarize(connection, [look_up(connection, subject)])[0]


def edit_subject(
    catalog: Catalog,
    subject: Subject | str,
    *,
    name: str | None = None,
    trigger: str | None = None,
    kind: str | None = None,
    class_word: str | None = None,
    notes: str | None = None,
    primary_repeats: int | None = None,
    supporting_repeats: int | None = None,
    lora_folders: Sequence[Path] = (),
    tokenize: Tokenize | None = None,
) -> tuple[Subject, list[TriggerWarning]]:
    """Change what is given; raises like add_subject, and NotFoundError.

    A person with pictures, runs or any record of consent stays one, with RefusedError: another kind is no way around
    what no person may have, nor around a consent that ends later. Undo and redo ask nothing: they bring back kinds
    and consents that stood before, and what is used is judged by those when it is used.
    """
    warnings: list[TriggerWarning] = []
    with catalog.read() as connection:
        before = look_up(connection, subject)
    if trigger is not None:
        warnings = check_trigger(
            catalog, trigger, lora_folders=lora_folders, tokenize=tokenize, own_subject_id=before.id
        )
    with catalog.journal("subject.edit", f"edit subject {before.name}") as change:
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = _check_name(name)
            _refuse_taken_name(change.connection, values["name"], own_id=before.id)
        if trigger is not None:
            values |= claim_trigger(change.connection, trigger, own_subject_id=before.id)
        if kind is not None:
            values["kind"] = _check_kind(kind)
            present = look_up(change.connection, before)
            if present.kind == "person" and kind != "person":
                _refuse_to_forget_person(change.connection, present)
        if class_word is not None:
            values["class_word"] = class_word.strip()
        if notes is not None:
            values["notes"] = notes
        for column, repeats in (("primary_repeats", primary_repeats), ("supporting_repeats", supporting_repeats)):
            if repeats is not None:
                values[column] = check_repeats(repeats)
        change.update(tables.subject, [before.id], values)
        after = look_up(change.connection, before)
        if {"trigger", "class_word", "kind"} & values.keys():
            _refuse_unfit_words(change.connection, after)
        change.label = _say_edit(before, after)
        return after, warnings


def _say_edit(before: Subject, after: Subject) -> str:
    """What was changed about a subject, as history names it."""
    words = {
        "name": f"renamed {after.name}",
        "trigger": f"trigger {after.trigger}",
        "kind": f"kind {after.kind}",
        "class_word": f"class word {after.class_word}" if after.class_word else "no class word",
        "primary_repeats": f"repeats of primary {after.primary_repeats}",
        "supporting_repeats": f"repeats of supporting {after.supporting_repeats}",
        "notes": "notes",
    }
    said = [words[key] for key in words if getattr(before, key) != getattr(after, key)]
    return f"{before.name}: {', '.join(said)}"


def remove_subject(catalog: Catalog, subject: Subject | str) -> Subject:
    """Remove a subject with its memberships, runs and sheets; files stay, and undo brings all of it back.

    Raises NotFoundError, ConflictError while one of its runs is queued or running, and RefusedError when other subjects
    have pictures of a person who withdrew their consent.
    """
    from loratui.catalog.consent import refuse_forgetting

    with catalog.read() as connection:
        before = look_up(connection, subject)
        refuse_forgetting(connection, before)
    with catalog.journal("subject.remove", f"remove subject {before.name}") as change:
        if not change.delete(tables.subject, [before.id]):
            raise _not_found(change.connection, before.name)
    return before


def record_consent(
    catalog: Catalog, subject: Subject | str, *, who: str, scope: str, at: datetime | None = None, note: str = ""
) -> Subject:
    """Write down who agreed to what and when (default: now); needed before a person is trained or published.

    A time without a zone is local. What was on record before stays there, under `history`, oldest first. Raises
    UsageError without a name or a scope, and for a day that has not come.
    """
    if not who.strip() or not scope.strip():
        raise UsageError(
            "Consent needs the name of the person and what they agreed to.",
            hint='For example who "Ada Lovelace", scope "training and publishing".',
        )
    given = now() if at is None else _check_past(at)
    consent = {"who": who.strip(), "scope": scope.strip(), "at": given.isoformat(), "note": note.strip()}
    return _set_consent(catalog, subject, consent)


def withdraw_consent(catalog: Catalog, subject: Subject | str, *, note: str = "") -> Subject:
    """Note that a person took their consent back: training and publishing refuse from then on.

    What had been agreed to stays on record, with the day it ended, and as it was under `history`. Raises NotFoundError
    when there is none (any longer).
    """
    with catalog.read() as connection:
        known = look_up(connection, subject)
    if ended := (known.consent or {}).get("withdrawn_at"):
        raise NotFoundError(
            f"The consent of {known.name} was already withdrawn on {ended[:10]}.",
            hint="Nothing is trained or published since then, until consent is recorded anew.",
        )
    if not has_consent(known):
        raise NotFoundError(
            f"There is no consent of {known.name} to withdraw.", hint="Without one, training refuses anyway."
        )
    withdrawn = {**(known.consent or {}), "withdrawn_at": now().isoformat()}
    return _set_consent(catalog, known, withdrawn | ({"note": note.strip()} if note.strip() else {}))


def has_consent(subject: Subject) -> bool:
    """Whether somebody agreed for this subject and has not taken it back."""
    return bool(subject.consent) and not (subject.consent or {}).get("withdrawn_at")


def require_consent(subject: Subject, *, person: bool = False) -> None:
    """Raise RefusedError for a person who has not agreed; `person` is for one that was of that kind when trained."""
    if (subject.kind == "person" or person) and not has_consent(subject):
        raise RefusedError(
            f"'{subject.name}' is a person, and {tell_lack(subject)}.",
            hint=f"Record who agreed to what: {tell_consent(subject)}.",
        )


def tell_lack(subject: Subject) -> str:
    """What is wrong with the consent of a person that is not in force."""
    return "the consent was withdrawn" if subject.consent else "no consent is recorded"


def tell_consent(subject: Subject) -> str:
    """The command that records consent for a subject."""
    return f"`loratui subject consent {shlex.quote(subject.name)} --by WHO --scope SCOPE`"


def check_repeats(repeats: int) -> int:
    """The number itself when it can be a number of repeats; raises UsageError."""
    if not 1 <= repeats <= MAX_REPEATS:
        raise UsageError(f"Repeats go from 1 to {MAX_REPEATS}, not {repeats}.", hint="Usual are 1 to 10.")
    return repeats


def _set_consent(catalog: Catalog, subject: Subject | str, consent: dict[str, Any]) -> Subject:
    with catalog.read() as connection:
        name = look_up(connection, subject).name
    verb = "withdraw" if consent.get("withdrawn_at") else "record"
    with catalog.journal("subject.consent", f"{verb} consent for {name}") as change:
        before = look_up(change.connection, subject)
        past = dict(before.consent or {})
        history = past.pop("history", [])
        if past:
            consent = {**consent, "history": [*history, past]}
        change.update(tables.subject, [before.id], {"consent": consent})
        return look_up(change.connection, before)


def _refuse_to_forget_person(connection: Connection, subject: Subject) -> None:
    member, run, name = tables.membership.c, tables.run.c, shlex.quote(subject.name)
    known = [
        what
        for what, there in (
            ("pictures", connection.execute(select(member.id).where(member.subject_id == subject.id).limit(1)).first()),
            ("runs", connection.execute(select(run.id).where(run.subject_id == subject.id).limit(1)).first()),
            ("a record of consent", subject.consent),
        )
        if there
    ]
    if known:
        raise RefusedError(
            f"{subject.name} stays a person: it has {' and '.join(known)}.",
            hint=f"If it never was one, undo what made it one, or `loratui subject remove {name}` and add it anew.",
        )


def _refuse_unfit_words(connection: Connection, subject: Subject) -> None:
    """Refuse a trigger and class word that no caption may say, alone or with what caption rules say around them."""
    # Here, because it needs this module.
    from loratui.catalog.ratings import refuse_trigger, refuse_words

    rules = tables.caption_rules.c
    stored = connection.execute(select(rules.rules).where(rules.subject_id == subject.id)).scalar() or {}
    around = [text for name in ("prefix", "suffix") if isinstance(text := stored.get(name), str)]
    refuse_trigger(subject.name, subject.kind, subject.trigger, subject.class_word)
    for text in around:
        filled = text.replace("{trigger}", subject.trigger).replace("{class_word}", subject.class_word)
        refuse_words(
            subject.name,
            subject.kind,
            f"{filled}, {subject.trigger}, {subject.class_word}",
            "caption, as its rules have it,",
        )


def _check_past(at: datetime) -> datetime:
    """The moment in UTC; raises UsageError for one that has not come or that nobody means."""
    # Years far away are no dates that could be moved to another zone.
    if not 1900 <= at.year <= now().year + 1 or at.astimezone(UTC) > now():
        raise UsageError(
            f"{at:%Y-%m-%d} can't be the day of a consent.",
            hint="It is a day that has come, from 1900 on, written as YYYY-MM-DD.",
        )
    return at.astimezone(UTC)


def _summarize(connection: Connection, subjects: Sequence[Subject]) -> list[SubjectSummary]:
    kept, run = tables.membership_count.c, tables.run.c
    chosen = {subject.id: (subject.primary_repeats, subject.supporting_repeats) for subject in subjects}
    few = [kept.subject_id.in_(sorted(chosen))] if len(chosen) <= _FEW else []
    own, following = func.sum(kept.count * kept.repeats), func.sum(case((kept.repeats == 0, kept.count), else_=0))
    grouped = select(kept.subject_id, kept.role, func.sum(kept.count), func.sum(kept.mark), own, following)
    rows = connection.execute(grouped.where(*few).group_by(kept.subject_id, kept.role)).all()
    counted = connection.execute(select(run.subject_id, func.count()).group_by(run.subject_id)).all()
    runs: dict[int, int] = {id_: count for id_, count in counted}
    counts = {id_: dict.fromkeys(ROLES, 0) for id_ in chosen}
    marks = {id_: dict.fromkeys(ROLES, 0) for id_ in chosen}
    influence = {id_: dict.fromkeys(TRAINED, 0) for id_ in chosen}
    for id_, role, count, mark, apart, rest in rows:
        # More than a few are read with all others.
        if id_ not in chosen:
            continue
        counts[id_][role] = count
        marks[id_][role] = mark
        if role in TRAINED:
            influence[id_][role] = apart + rest * chosen[id_][TRAINED.index(role)]
    return [
        SubjectSummary(
            subject,
            sum(counts[subject.id].values()),
            counts[subject.id],
            **influence[subject.id],
            runs=runs.get(subject.id, 0),
            marks=marks[subject.id],
        )
        for subject in subjects
    ]


def _by_id(connection: Connection, id_: int) -> Subject:
    return to_row(Subject, connection.execute(select(tables.subject).where(tables.subject.c.id == id_)).one())


def _check_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise UsageError(
            f"{name[:MAX_NAME]!r} can't be the name of a subject.",
            hint=f"A name has 1 to {MAX_NAME} characters on one line.",
        )
    return name


def _check_kind(kind: str) -> str:
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1)
        raise UsageError(
            f"There is no kind '{kind}'.",
            hint=(f"Did you mean '{near[0]}'? " if near else "") + f"Kinds: {', '.join(KINDS)}.",
        )
    return kind


def _refuse_taken_name(connection: Connection, name: str, own_id: int = 0) -> None:
    taken_id = _find_name(connection, name)
    if taken_id is not None and taken_id != own_id:
        taken = _by_id(connection, taken_id).name
        raise ConflictError(
            f"There is a subject '{taken}' already.",
            hint=f"Choose another name, or see `loratui subject show {shlex.quote(taken)}`.",
        )


def _find_name(connection: Connection, name: str) -> int | None:
    """The id of the subject with a name: an exact one, else one that differs in case alone."""
    subject = tables.subject.c
    if exact := connection.execute(select(subject.id).where(subject.name == name)).scalar():
        return int(exact)
    # In Python, because SQLite folds the case of ASCII letters only.
    folded = {_fold_name(known): id_ for id_, known in connection.execute(select(subject.id, subject.name))}
    return folded.get(_fold_name(name))


def _fold_name(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _not_found(connection: Connection, name: str) -> NotFoundError:
    names = list(connection.execute(select(tables.subject.c.name)).scalars())
    by_fold = {re.sub(r"\W", "", known).casefold(): known for known in names}
    near = get_close_matches(re.sub(r"\W", "", name).casefold(), list(by_fold), n=3)
    if near:
        hint = f"Did you mean {' or '.join(repr(by_fold[key]) for key in near)}?"
    elif names:
        hint = "`loratui subject list` shows the subjects there are."
    else:
        hint = "There are none yet: `loratui subject add NAME --trigger WORD`."
    return NotFoundError(f"There is no subject '{name}'.", hint=hint)
