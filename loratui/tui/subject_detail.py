"""What is said about one subject beside the list: its words, its pictures, its last trainings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from loratui.tui.text import plain

if TYPE_CHECKING:
    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog
    from loratui.catalog.subjects import SubjectSummary
    from loratui.tui.theme import Glyphs

_BAR = 20
_ROLES = ("primary", "supporting", "inbox", "holdout", "rejected")


@dataclass(frozen=True, slots=True)
class SubjectDetail:
    """A subject, what its captions begin with, and its newest runs; `summary` is None when it is gone."""

    summary: SubjectSummary | None
    prefix: str = ""
    runs: tuple[Run, ...] = ()


def read_detail(catalog: Catalog, name: str) -> SubjectDetail:
    """Ask the library about a subject; called in a thread."""
    from loratui.captions.rules import fill_in
    from loratui.captions.service import rules_of
    from loratui.catalog.runs import list_runs
    from loratui.catalog.subjects import summarize_subject
    from loratui.errors import NotFoundError

    try:
        summary = summarize_subject(catalog, name)
    except NotFoundError:
        # Removed since the list was read, which is read again in a moment.
        return SubjectDetail(None)
    subject = summary.subject
    prefix = fill_in(rules_of(catalog, subject).prefix, subject)
    return SubjectDetail(summary, prefix, tuple(list_runs(catalog, subject_id=subject.id, limit=5)))


def draw_detail(detail: SubjectDetail, glyphs: Glyphs) -> Text:
    """The subject in words and bars."""
    text = Text()
    if detail.summary is None:
        return text
    summary, subject = detail.summary, detail.summary.subject

    def field(label: str, value: str, style: str = "") -> None:
        text.append(f"{label:<12}", style="dim")
        text.append(f"{plain(value)}\n", style=style)

    text.append(f"\n{plain(subject.name)}\n\n", style="bold")
    field("trigger", subject.trigger, "bold")
    field("kind", ", ".join(dict.fromkeys(filter(None, (subject.kind, subject.class_word)))))
    field("captions", f"{detail.prefix} ...")
    if subject.kind == "person":
        consent = subject.consent or {}
        if consent.get("withdrawn_at"):
            field("consent", f"withdrawn by {consent.get('who')}")
        elif consent:
            field("consent", f"{consent.get('who')}: {consent.get('scope')}")
        else:
            field("consent", "none recorded; C records it")
    if subject.notes:
        field("notes", subject.notes)
    text.append("\n")
    most = max(1, *summary.counts.values())
    for role in _ROLES:
        number = summary.counts.get(role, 0)
        text.append(f"{role:<12}", style="dim")
        text.append(f"{number:>7,} ")
        text.append(glyphs.bar * round(_BAR * number / most), style="dim")
        text.append("\n")
    text.append("\n")
    field("repeats", f"primary x{subject.primary_repeats}, supporting x{subject.supporting_repeats}")
    ratio = "no supporting pictures" if summary.ratio is None else f"{summary.ratio:.2f} to 1"
    field("influence", f"{summary.primary:,} to {summary.supporting:,}, {ratio}")
    text.append("\n")
    for run in detail.runs:
        share = f" {100 * run.step // run.total_steps}%" if run.total_steps and run.step and run.state != "done" else ""
        field(run.name if len(run.name) < 12 else f"{run.name} ", f"{run.state}{share}")
    if not detail.runs:
        field("trainings", "none yet; T trains")
    return text
