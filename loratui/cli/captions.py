"""Verbs that compare captions: with what a training saw, and with what other rules would make of them."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, number_of, print_json, print_text, remark
from loratui.cli.session import open_library


def diff_captions(
    subject: str,
    *,
    run: Annotated[str, Parameter(help="Compare with what this training saw.")] = "",
    snapshot: Annotated[str, Parameter(help="Compare with the dataset of this hash, or the start of it.")] = "",
    set: Annotated[
        list[str] | None,
        Parameter(negative="", help='Compare with other rules instead: "imbued=freckles, * eyes"; may be given often.'),
    ] = None,
    show: Show = PLAIN,
) -> None:
    """Show which captions changed since a dataset was last frozen, or would change with other rules.

    A dataset is frozen by every training and every export. Nothing is written.

    Example: `loratui caption diff Mira --set "prefix=portrait of {trigger},"`
    """
    from loratui.errors import UsageError

    if sum(map(bool, (run, snapshot, set))) > 1:
        raise UsageError("name one thing to compare with.", hint="Use --run, --snapshot or --set.")
    if set:
        _foresee(subject, set, show)
        return
    from loratui.dataset.captiondiff import diff_captions as compare

    with open_library() as catalog:
        found = compare(catalog, subject, snapshot=snapshot, run=run)
    if show.json:
        print_json(
            [
                {"name": one.name, "sha256": one.sha256, "state": one.state, "before": one.before, "after": one.after}
                for one in found.differences
            ]
        )
        return
    for one in found.differences:
        _print_change(one.name, one.before, one.after)
    changed = len(found.differences)
    remark(
        f"{changed or 'no'} caption{'s' * (changed != 1)} differ{'s' * (changed == 1)} "
        f"from the dataset {found.snapshot[:8]} of {found.at:%Y-%m-%d %H:%M} UTC.",
        show,
    )


def _foresee(subject: str, settings: list[str], show: Show) -> None:
    from loratui.captions.counts import foresee_book, read_book
    from loratui.captions.ruletext import parse_settings

    changes = parse_settings(settings)
    with open_library() as catalog:
        book = read_book(catalog, subject)
        preview = book.compare(foresee_book(catalog, book, changes), limit=None)
    if show.json:
        print_json(
            [
                {"name": one.name, "state": "changed", "before": one.before, "after": one.after}
                for one in preview.examples
            ]
        )
        return
    for one in preview.examples:
        _print_change(one.name, one.before, one.after)
    remark(f"{preview.changed:,} of {number_of(preview.pictures, 'caption')} would change.", show)


def _print_change(name: str, before: str | None, after: str | None) -> None:
    print_text(name)
    if before is not None:
        print_text(f"  - {before}")
    if after is not None:
        print_text(f"  + {after}")
