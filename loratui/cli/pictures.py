"""Verbs about pictures in a subject: roles, repeats, ratings and duplicates."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Literal

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, print_json, print_table, print_text, progress_line, remark, say_changed
from loratui.cli.session import Limit, Query, find_duplicates, open_library

Role = Literal["inbox", "primary", "supporting", "holdout", "rejected"]


def list_pictures(subject: str, *query: Query, limit: Limit | None = None, show: Show = PLAIN) -> None:
    """List the pictures of a subject, filtered by a query.

    Example: `loratui picture list Mira "role:primary size:<512 -tag:hat"`
    """
    from loratui.catalog.query import select_memberships

    with open_library() as catalog:
        found = select_memberships(
            catalog,
            subject,
            " ".join(query),
            limit=limit,
            duplicates=find_duplicates(catalog, subject),
        )
    if show.json:
        print_json(
            [
                {
                    "sha256": item.sha256,
                    "name": item.name,
                    "width": item.width,
                    "height": item.height,
                    "crop": item.crop,
                    "role": item.role,
                    "repeats": item.repeats,
                    "rating": item.rating,
                    "format": item.format,
                    "bytes": item.bytes,
                    "state": item.state,
                    "reject_reason": item.reject_reason,
                    "warnings": item.warnings,
                }
                for item in found
            ]
        )
        return
    print_table(
        ["name", "size", "role", "repeats", "rating", "sha256", "remarks"],
        [
            [
                item.name,
                f"{item.width}x{item.height}",
                item.role,
                item.repeats,
                "*" * item.rating,
                item.sha256[:12],
                ", ".join([*item.warnings, *([item.reject_reason] if item.reject_reason else [])]),
            ]
            for item in found
        ],
        empty="No picture matches.",
    )


def remove_pictures(subject: str, *query: Query, show: Show = PLAIN) -> None:
    """Take pictures out of a subject; undo brings them back."""
    from loratui.catalog import roles
    from loratui.errors import UsageError

    text = " ".join(query)
    if not text:
        raise UsageError("say which pictures to remove.", hint="A query such as name:*.gif, or `all`.")
    with open_library() as catalog:
        count = roles.remove_pictures(catalog, subject, text, duplicates=find_duplicates(catalog, subject))
    say_changed("removed", count, show)


def rate_pictures(subject: str, stars: int, *query: Query, show: Show = PLAIN) -> None:
    """Give pictures 0-5 stars."""
    from loratui.catalog import roles

    with open_library() as catalog:
        count = roles.set_rating(catalog, subject, stars, " ".join(query), duplicates=find_duplicates(catalog, subject))
    say_changed("rated", count, show)


def list_refused(subject: str, *, show: Show = PLAIN) -> None:
    """List files that imports turned away, and why."""
    from loratui.catalog import importer

    with open_library() as catalog:
        found = importer.list_refused(catalog, subject)
    if show.json:
        print_json([{"path": item.display_path, "reason": item.reason, "at": item.at} for item in found])
        return
    print_table(["file", "reason"], [[item.display_path, item.reason] for item in found], empty="No file was refused.")


def set_role(subject: str, role: Role, *query: Query, reason: str = "", show: Show = PLAIN) -> None:
    """Set the role of the pictures that match a query.

    Example: `loratui role set Mira primary "name:portrait*"`

    Parameters
    ----------
    reason
        Why pictures are rejected.
    """
    from loratui.catalog import roles

    with open_library() as catalog:
        count = roles.set_role(
            catalog,
            subject,
            role,
            " ".join(query),
            reason=reason,
            duplicates=find_duplicates(catalog, subject),
        )
    say_changed(f"set to {role}", count, show)


def set_repeats(
    subject: str, repeats: Annotated[str, Parameter(allow_leading_hyphen=True)], *query: Query, show: Show = PLAIN
) -> None:
    """Set the repeats of the pictures that match a query.

    Parameters
    ----------
    repeats
        A number from 1; `+1` or `-1` for more or fewer; or `default` for the subject's number for the role.
    """
    from loratui.catalog import roles
    from loratui.errors import UsageError

    if repeats != "default" and not re.fullmatch(r"[+-]?[0-9]{1,9}", repeats):
        raise UsageError(f"'{repeats}' is not a number of repeats.", hint="Use a number from 1, +1, -1 or `default`.")
    with open_library() as catalog:
        text, duplicates = " ".join(query), find_duplicates(catalog, subject)
        if repeats[0] in "+-":
            count = roles.shift_repeats(catalog, subject, int(repeats), text, duplicates=duplicates)
        else:
            value = None if repeats == "default" else int(repeats)
            count = roles.set_repeats(catalog, subject, value, text, duplicates=duplicates)
    say_changed(f"set to {repeats} repeats", count, show)


def list_duplicates(subject: str, *, show: Show = PLAIN) -> None:
    """Group pictures that look alike, with a suggested best."""
    from loratui.catalog import dedupe

    with open_library() as catalog, progress_line(show) as report:
        groups = dedupe.find_groups(catalog, subject, report=report)
    if show.json:
        print_json(
            [
                {
                    "tier": group.tier,
                    "pictures": [
                        {
                            "sha256": item.sha256,
                            "name": item.name,
                            "width": item.width,
                            "height": item.height,
                            "role": item.role,
                            "rating": item.rating,
                        }
                        for item in group.pictures
                    ],
                    "best": group.best.sha256,
                    "reasons": group.reasons,
                    "mirrored": group.mirrored,
                }
                for group in groups
            ]
        )
        return
    if not groups:
        print_text("No duplicates.")
        return
    for number, group in enumerate(groups, 1):
        mirrored = ", mirrored" if group.mirrored else ""
        print_text(f"group {number}: {group.tier}{mirrored}; best: {group.best.name} ({', '.join(group.reasons)})")
        for item in group.pictures:
            mark = "*" if item.id == group.best.id else " "
            role = " ".join(filter(None, (item.role, "*" * item.rating)))
            print_text(f"  {mark} {item.name}  {item.width}x{item.height}  {role}  {item.sha256[:12]}")
    remark("next: `loratui dupes resolve` rejects all but the best, `loratui dupes keep` remembers they differ", show)


def resolve_duplicates(subject: str, *query: Query, keep: str = "", show: Show = PLAIN) -> None:
    """Reject all but the best picture of each group, or of the groups that a query touches.

    The picture that is kept takes over the best role, the most stars and the most repeats of its group.
    Example: `loratui dupes resolve Mira --keep name:portrait_02.png`

    Parameters
    ----------
    keep
        A query: keep these instead of the best, in the groups that they are in.
    """
    from loratui.catalog import dedupe

    with open_library() as catalog:
        done = dedupe.resolve(catalog, subject, " ".join(query), keep=keep)
    if show.json:
        print_json({"changed": done.rejected, "handed_over": done.handovers})
        return
    for one in done.handovers:
        print_text(f"{one.name} takes over: {one.words}")
    say_changed("rejected as duplicates", done.rejected, show)


def keep_duplicates(
    subject: str,
    *query: Query,
    alternates: Annotated[bool, Parameter(negative="", help="They are wanted variants of one picture.")] = False,
    show: Show = PLAIN,
) -> None:
    """Remember that the pictures a query selects are not duplicates of each other."""
    from loratui.catalog import dedupe

    with open_library() as catalog:
        verdict: dedupe.Verdict = "alternates" if alternates else "not_duplicates"
        count = dedupe.keep(catalog, subject, " ".join(query), verdict=verdict)
    if show.json:
        print_json({"pairs": count})
        return
    print_text(f"{count} pairs remembered as {'alternates' if alternates else 'different'}.")


def balance(subject: str, *, apply: bool = False, show: Show = PLAIN) -> None:
    """Show the influence of each role, and the repeats that bring primaries to about twice the supporting.

    Parameters
    ----------
    apply
        Set the proposed repeats.
    """
    from loratui.catalog import roles

    with open_library() as catalog:
        if apply:
            roles.apply_balance(catalog, subject)
        found = roles.balance(catalog, subject)
    if show.json:
        print_json(found)
        return
    print_table(
        ["role", "pictures", "samples", "share"],
        [[role, item.pictures, item.samples, f"{100 * item.share:.0f} %"] for role, item in found.roles.items()],
    )
    print_text(f"ratio: {_ratio(found.ratio)} (aim: about 2)")
    if found.changes:
        print_text(
            f"proposed: primary x{found.proposed_primary_repeats}, supporting x{found.proposed_supporting_repeats}"
            f" -> {_ratio(found.proposed_ratio)}"
        )
        remark(f"next: loratui balance {shlex.quote(subject)} --apply", show)


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
