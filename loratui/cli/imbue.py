"""Verbs about what is learned with the trigger word: advice, applying it, the presets and the groups of tags."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, number_of, print_json, print_table, print_text, remark
from loratui.cli.rules import plain_examples, print_examples
from loratui.cli.session import open_library, read_mixture

if TYPE_CHECKING:
    from loratui.captions.advice import TagAdvice
    from loratui.captions.counts import RulesPreview
    from loratui.captions.imbue import ImbueAdvice, ImbueResult

Preset = Annotated[
    str | None, Parameter(help="What to imbue; nothing means what the subject's kind asks for. See `imbue presets`.")
]
But = Annotated[
    tuple[str, ...],
    Parameter(help="Groups left to the prompt, e.g. hair_colour or hair; may be repeated. See `imbue groups`."),
]

_HEADINGS = {
    "imbue": "Imbue: belongs to the subject and is steady",
    "leave_out": "Leave out: no picture shows it",
    "ask": "You decide: steady, and perhaps part of the subject",
    "fused": "Fused by accident: nearly always there, learned whatever the captions say",
    "inconsistent": "Look again: should be steady and is not",
}


def suggest_imbue(subject: str, *, preset: Preset = None, but: But = (), show: Show = PLAIN) -> None:
    """Say what to leave out of captions so that it is learned with the trigger, and what fuses by accident.

    A tag of the subject itself in 60 % of the pictures is steady enough to imbue; one below 40 % is doubtful. What
    should follow the prompt but is in 85 % of what training sees is learned all the same: that needs contrast
    pictures. Changes nothing; `imbue apply` does.

    Example: `loratui imbue suggest Mira --but hair`
    """
    from loratui.captions import imbue

    with open_library() as catalog:
        advice = imbue.suggest_imbue(catalog, subject, preset, but)
        mixture = read_mixture(catalog, subject, show)
    if show.json:
        print_json(
            {
                "subject": advice.subject,
                "preset": advice.preset.name,
                "pictures": advice.pictures,
                "tags": [_plain_tag(tag) for tag in advice.tags],
                "outlook": advice.outlook,
                "captions": _plain_preview(advice.preview),
                "proposed": advice.proposed,
                "notes": advice.notes,
            }
        )
        return
    _print_advice(advice)
    for note in (*advice.notes, *[mixture] * bool(mixture)):
        remark(note, show)
    if advice.proposed:
        verb = f"loratui imbue apply {shlex.quote(subject)}"
        remark(f"`{verb}` with the same options puts {len(advice.proposed)} on the list.", show)


def apply_imbue(
    subject: str,
    *tags: str,
    preset: Preset = None,
    but: But = (),
    dry_run: Annotated[bool, Parameter(negative="", help="Change nothing, only say what would change.")] = False,
    show: Show = PLAIN,
) -> None:
    """Put tags on the imbued list: the ones given, else those that `imbue suggest` advises. Undo takes it back.

    Nothing is taken off the list: `rules set` does that.

    Example: `loratui imbue apply Mira "red eyes" freckles`
    """
    from loratui.captions import imbue

    with open_library() as catalog:
        result = imbue.apply_imbue(catalog, subject, tags, preset=preset, but=but, dry_run=dry_run)
    if show.json:
        print_json(
            {
                "added": [_plain_imbued(tag) for tag in result.added],
                "already": [_plain_imbued(tag) for tag in result.already],
                "kept": result.kept,
                "imbued": result.imbued,
                "captions": _plain_preview(result.preview),
                "warnings": result.notes,
                "dry_run": dry_run,
            }
        )
        return
    _print_result(subject, result, dry_run=dry_run)
    for note in result.notes:
        remark(f"warning: {note}", show)


def list_presets(*, show: Show = PLAIN) -> None:
    """List what may be imbued by kind of subject: the presets of `imbue suggest` and `imbue apply`."""
    from loratui.captions.presets import load_presets

    presets = load_presets()
    if show.json:
        print_json(presets)
        return
    print_table(["preset", "for", "what it does"], [[one.name, ", ".join(one.kinds), one.says] for one in presets])


def list_groups(*groups: str, show: Show = PLAIN) -> None:
    """List the groups that tags are sorted into, or the tags of some of them.

    Intrinsic groups belong to a subject, borderline ones may, flexible ones to one picture; meta groups are about the
    file, guard groups make refusals.

    Example: `loratui imbue groups hair_colour`
    """
    from loratui.captions.traits import find_groups, load_groups

    found = [group for name in groups for group in find_groups(name)] if groups else list(load_groups())
    if show.json:
        print_json([{"group": one.name, "title": one.title, "kind": one.kind, "tags": one.tags} for one in found])
        return
    if groups:
        for group in found:
            print_text(f"{group.name} ({group.kind}): {', '.join(group.tags)}")
        return
    rows = [[one.name, one.kind, len(one.tags), ", ".join(one.tags[:4])] for one in found]
    print_table(["group", "kind", "tags", "such as"], rows)


def _plain_tag(tag: TagAdvice) -> dict[str, Any]:
    return {
        "tag": tag.tag,
        "verdict": tag.verdict,
        "group": tag.group,
        "kind": tag.kind,
        "pictures": tag.pictures,
        "share": round(tag.share, 4),
        "share_primary": round(tag.share_primary, 4),
        "weight": round(tag.weight, 4),
        "imbued_by": tag.imbued_by,
        "reason": tag.reason,
        "remedy": tag.remedy,
        "behind": [one.name for one in tag.behind],
    }


def _plain_preview(preview: RulesPreview) -> dict[str, Any]:
    return {"changed": preview.changed, "pictures": preview.pictures, "examples": plain_examples(preview)}


def _plain_imbued(tag: Any) -> dict[str, Any]:
    return {"tag": tag.tag, "pictures": tag.pictures, "imbued_by": tag.imbued_by}


def _print_advice(advice: ImbueAdvice) -> None:
    from loratui.captions.imbue import tell_why_nothing

    print_text(f"{advice.preset.name}: {advice.preset.says}")
    if advice.pictures:
        noun = "training picture" if any(tag.weight for tag in advice.tags) else "picture"
        print_text(f"Shares are of {number_of(advice.pictures, noun)} that a tagger read or a person tagged.")
    if nothing := tell_why_nothing(advice):
        print_text(nothing)
    for verdict, heading in _HEADINGS.items():
        found = [tag for tag in advice.tags if tag.verdict == verdict]
        if not found:
            continue
        print_text(f"\n{heading}")
        for tag in found:
            shares = f"{tag.share:.0%}, primaries {tag.share_primary:.0%}, weight {tag.weight:.0%}"
            done = "  (on the list)" if tag.imbued_by else ""
            print_text(f"  {tag.tag}  {shares}{done}")
            if verdict in ("fused", "ask", "inconsistent"):
                print_text(f"    {tag.reason} {tag.remedy}".rstrip())
            if tag.behind:
                label = "without it" if verdict == "fused" else "with it"
                names = ", ".join(one.name for one in tag.behind[:5])
                print_text(f"    {label}: {names}{f' and {len(tag.behind) - 5:,} more' if len(tag.behind) > 5 else ''}")
    if advice.outlook:
        print_text("\nWhat the LoRA will and won't let you change")
        for outlook in advice.outlook:
            print_text(f"  {outlook.sentence}")
        print_text("  What comes unasked can often still be asked away: README, Does it work as claimed?")
    if advice.preview.examples:
        print_text("\nCaptions, before (-) and after (+)")
    print_examples(advice.preview, 3)


def _print_result(subject: str, result: ImbueResult, *, dry_run: bool) -> None:
    for tag in result.already:
        print_text(f"{tag.tag}: left out already, by '{tag.imbued_by}'.")
    for tag in result.added:
        matched = number_of(tag.pictures, "picture") if tag.pictures else "no picture has it"
        print_text(f"{tag.tag}: {matched}.")
    for entry in result.kept:
        verb = f"loratui rules set {shlex.quote(subject)} --keep={shlex.quote(entry)}"
        print_text(
            f"'{entry}' stays on the list, where it was put before; the preset would not: `{verb}` takes it off."
        )
    would = "would go" if dry_run else "went"
    captions = number_of(result.preview.pictures, "caption")
    changed = f"{result.preview.changed:,} of {captions} {'would change' if dry_run else 'changed'}"
    print_text(f"{number_of(len(result.added), 'tag')} {would} on the imbued list; {changed}.")
    print_examples(result.preview, 3)
