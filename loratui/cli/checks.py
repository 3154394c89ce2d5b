"""The verb that looks for pictures which may not belong in a subject."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, number_of, print_json, print_table, print_text, progress_line, remark
from loratui.cli.session import open_library, read_settings

if TYPE_CHECKING:
    from loratui.captions.misplaced import CheckResult
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog


def check(
    subject: str,
    *,
    only: Annotated[
        str,
        Parameter(help="Checks to make, with commas: unfit, faces, people, text, blur, tiny, dark, bright, other."),
    ] = "",
    face_model: Annotated[Path | None, Parameter(help="Folder of YuNet, the face detector.")] = None,
    tagger: Annotated[
        Path | None, Parameter(help="Folder of a tagger whose embeddings, or tags, tell subjects apart.")
    ] = None,
    resolution: Annotated[
        int | None, Parameter(help="Side in pixels that is trained at; left out, that of the base that would be used.")
    ] = None,
    show: Show = PLAIN,
) -> None:
    """Look for misplaced pictures: unfit, several faces or people, text, blur, tiny, dark, bright, another subject's.

    Nothing is rejected; afterwards `flag:faces` and the like find the pictures in every query.

    Example: `loratui check Mira --only blur,tiny`
    """
    from loratui.captions.misplaced import check_subject
    from loratui.catalog.naming import tell_apart
    from loratui.runs.sizes import foresee_size

    settings = read_settings()
    kinds = [word.strip() for word in only.split(",") if word.strip()]
    with open_library() as catalog, progress_line(show) as report:
        training = foresee_size(catalog, settings.default_base, resolution, subject)
        found = check_subject(
            catalog,
            subject,
            kinds,
            faces=face_model or settings.face_model,
            tagger=tagger,
            training=training,
            workers=settings.import_workers,
            report=report,
        )
        lost = _find_lost(catalog, found.subject)
    if show.json:
        print_json({**_describe(found), "unread": [{"name": each.name, "sha256": each.sha256} for each in lost]})
        return
    names = tell_apart({each.membership.id: each.membership for each in found.suspects}.values())
    unread = f"; {len(lost)} of them could not be read" if lost else ""
    print_table(
        ["picture", "check", "why", "by"],
        [[names[each.membership.id], each.kind, each.why, each.model] for each in found.suspects],
        empty=f"Nothing to look at among {number_of(found.checked, 'picture')}{unread}.",
    )
    if lost:
        few = ", ".join(each.name for each in lost[:5]) + (" and others" if len(lost) > 5 else "")
        remark(
            f"warning: {number_of(len(lost), 'file is', 'files are')} missing or changed: {few}; of these only what "
            "the import measured was looked at. Import the originals again, or let `loratui relink FOLDER` find them.",
            show,
        )
    if "tiny" in found.kinds:
        other = "" if "--resolution" in training.why else "; --resolution tells another"
        remark(f"tiny: {training.why}{other}", show)
    for skipped in found.skipped:
        remark(f"not checked: {skipped.kind}: {skipped.why}", show)
    if found.suspects:
        flags = " OR ".join(f"flag:{kind}" for kind in dict.fromkeys(each.kind for each in found.suspects))
        name = shlex.quote(found.subject.name)
        print_text(f"Look at them: `loratui picture list {name} {shlex.quote(flags)}`;")
        print_text(f"reject those that don't belong: `loratui role set {name} rejected sha:...`.")


def _find_lost(catalog: Catalog, subject: Subject) -> list[Membership]:
    """Pictures whose file is gone, or has another size than it had."""
    from loratui.catalog.blobs import check_picture
    from loratui.catalog.query import select_memberships

    pictures = select_memberships(catalog, subject, "-role:rejected")
    return [picture for picture in pictures if check_picture(catalog, picture) != "ok"]


def _describe(found: CheckResult) -> dict[str, object]:
    return {
        "subject": found.subject.name,
        "checked": found.checked,
        "checks": found.kinds,
        "suspects": [
            {
                "name": each.membership.name,
                "sha256": each.membership.sha256,
                "role": each.membership.role,
                "check": each.kind,
                "value": each.value,
                "model": each.model,
                "why": each.why,
            }
            for each in found.suspects
        ],
        "queries": {kind: found.query_of(kind) for kind in dict.fromkeys(each.kind for each in found.suspects)},
        "skipped": [{"check": each.kind, "why": each.why} for each in found.skipped],
    }
