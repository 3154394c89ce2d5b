"""The verb that proposes roles, and makes them so when told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, number_of, print_json, print_table, print_text, progress_line, remark
from loratui.cli.session import find_duplicates, open_library, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.captions.proposals import Pick, Proposal
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog


def propose(
    subject: str,
    *,
    primary: int = 25,
    supporting: int = 50,
    accept: Annotated[bool, Parameter(negative="", help="Give the pictures these roles; undo takes it back.")] = False,
    again: Annotated[bool, Parameter(negative="", help="Choose anew, whatever is in training by now.")] = False,
    without: str = "",
    resolution: int | None = None,
    show: Show = PLAIN,
) -> None:
    """Propose which pictures should be primary and which supporting, with the reason for each.

    Primaries are chosen because they are clear and large, show the subject alone and well, and show what is typical
    of it; supporting ones for what they add: another framing, angle, face, background, light, clothes. Of
    near-duplicates and of one scene only the best is proposed. Holdouts and rejected pictures are left alone.
    Nothing changes without --accept.

    Example: `loratui propose Mira --primary 25 --supporting 50 --accept`

    Parameters
    ----------
    primary
        How many primary pictures there should be, those that are already included.
    supporting
        How many supporting pictures there should be, those that are already included.
    without
        A query for pictures that keep the role they have, whatever is proposed for them.
    resolution
        Of the training, in pixels: smaller pictures would be blown up. Left out, that of the base that would be used.
    """
    from loratui.captions.proposals import accept_proposal, propose_roles, tell_balance
    from loratui.catalog import roles
    from loratui.catalog.naming import tell_apart
    from loratui.catalog.query import select_ids
    from loratui.runs.sizes import foresee_size

    with open_library() as catalog:
        duplicates = find_duplicates(catalog, subject)
        training = foresee_size(catalog, read_settings().default_base, resolution, subject)
        with progress_line(show) as report:
            proposal = propose_roles(
                catalog, subject, primary, supporting, again=again, training=training, report=report
            )
        if without:
            proposal = proposal.without(select_ids(catalog, subject, without, duplicates=duplicates))
        changed = accept_proposal(catalog, proposal) if accept else 0
        pictures = _read_pictures(catalog, proposal)
        found = roles.balance(catalog, subject) if accept else None
    if show.json:
        hashes = {picture.id: picture.sha256 for picture in pictures}
        plain = _to_plain(proposal, hashes, accepted=accept, changed=changed)
        print_json({**plain, "next": tell_balance(subject, found) if found else None})
        return
    _print_proposal(proposal, tell_apart(pictures))
    remark(training.why, show)
    for words in proposal.remarks:
        remark(words, show)
    if found is not None:
        undone = " `loratui undo` takes it back." if changed else ""
        print_text(f"{number_of(changed, 'picture')} changed roles.{undone}")
        remark(tell_balance(subject, found), show)
    elif proposal.changes:
        remark("Nothing was changed. Run it again with --accept to make it so.", show)


def _read_pictures(catalog: Catalog, proposal: Proposal) -> list[Membership]:
    from loratui.catalog.query import get_memberships

    ids = {pick.id for pick in (*proposal.primary, *proposal.supporting)} | {skip.id for skip in proposal.skipped}
    ids |= {one.repeats for one in proposal.skipped if one.repeats is not None}
    return get_memberships(catalog, sorted(ids))


def _to_plain(proposal: Proposal, hashes: dict[int, str], *, accepted: bool, changed: int) -> dict[str, Any]:
    def tell(pick: Pick) -> dict[str, Any]:
        return {
            "name": pick.name,
            "sha256": hashes[pick.id],
            "score": pick.score,
            "reasons": pick.reasons,
            "kept": pick.kept,
        }

    return {
        "primary": [tell(pick) for pick in proposal.primary],
        "supporting": [tell(pick) for pick in proposal.supporting],
        "skipped": [
            {
                "name": skip.name,
                "sha256": hashes[skip.id],
                "reason": skip.reason,
                "repeats": hashes[skip.repeats] if skip.repeats is not None else None,
            }
            for skip in proposal.skipped
        ],
        "remarks": proposal.remarks,
        "changes": len(proposal.changes),
        "accepted": accepted,
        "changed": changed,
    }


def _print_proposal(proposal: Proposal, names: Mapping[int, str]) -> None:
    picks = (*proposal.primary, *proposal.supporting)
    rows = [(pick.role, names[pick.id], "; ".join(pick.reasons)) for pick in picks]
    rows += [("-", names[skip.id], skip.reason) for skip in proposal.skipped]
    print_table(["proposed", "name", "why"], rows, empty="There are no pictures to choose from.")
    if not rows:
        return
    print_text(
        f"{len(proposal.primary):,} primary, {len(proposal.supporting):,} supporting, "
        f"{len(proposal.skipped):,} left out."
    )
