"""Verbs that say what the training pictures show and what is missing, and that let a person say otherwise."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, number_of, print_json, print_table, print_text, progress_line, remark
from loratui.cli.session import Query, find_duplicates, open_library, read_mixture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.captions.coverage import Coverage
    from loratui.captions.needs import Need
    from loratui.captions.samey import SameyCluster
    from loratui.captions.survey import SeenPicture
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

_SHOWN = 8
# Framing and angle are spread together.
_FACETS = {"framing x angle": "angle"}


def coverage(subject: str, *, show: Show = PLAIN) -> None:
    """Show what the training pictures show, by framing and with their repeats, what is missing and what is too much.

    Framings x angles, expressions, backgrounds, lighting and clothing are read from the tags that people and taggers
    gave, lighting from the pictures themselves; a picture without tags is counted as untagged. `loratui overrule`
    corrects what a tagger got wrong.
    """
    from loratui.captions.coverage import count_coverage
    from loratui.captions.needs import find_needs
    from loratui.captions.samey import find_samey, list_doubles
    from loratui.captions.survey import CANDIDATES, survey
    from loratui.catalog.moments import find_moments
    from loratui.catalog.naming import tell_apart
    from loratui.catalog.query import get_memberships
    from loratui.catalog.subjects import get_subject
    from loratui.catalog.vocabulary import TRAINED

    with open_library() as catalog:
        owner = get_subject(catalog, subject)
        seen = survey(catalog, owner, CANDIDATES, all_tags=True)
        trained = [one for one in seen if one.picture.role in TRAINED]
        found = count_coverage(trained)
        needs = find_needs(seen)
        with progress_line(show) as report:
            doubles = list_doubles(catalog, owner, TRAINED, report=report)
        samey = find_samey(trained, doubles, lambda ids: find_moments(catalog, ids)).clusters
        members = {member.id: member for member in get_memberships(catalog, [one.id for one in seen])}
        mixture = read_mixture(catalog, subject, show)
        nothing = "" if found.tagged or show.json else _tell_unseen(catalog, owner, trained)
    if show.json:
        print_json(_to_plain(found, needs, samey, members))
        return
    if found.tagged:
        times = sum(one.repeats for one in trained if one.tagged)
        pictures = number_of(found.tagged, "tagged picture")
        print_text(f"Numbers are pictures times repeats: {pictures} make {times:,} an epoch.\n")
        _print_coverage(found, is_person=owner.kind in ("character", "person"))
    else:
        print_text(nothing)
    _print_advice(needs, samey, tell_apart(members.values()))
    if found.tagged and found.untagged:
        have = "has" if found.untagged == 1 else "have"
        print_text(f"{number_of(found.untagged, 'training picture')} {have} no tag that says any of this.")
    if mixture:
        remark(mixture, show)


def overrule(
    subject: str,
    *query: Query,
    framing: Annotated[str, Parameter(help="close-up, portrait, upper body, cowboy shot or full body.")] = "",
    angle: Annotated[str, Parameter(help="front, side, back, above or below.")] = "",
    expression: Annotated[str, Parameter(help="neutral, smile, teeth, open mouth, laugh, angry, sad...")] = "",
    background: Annotated[str, Parameter(help="plain, indoors, outdoors or blurred.")] = "",
    lighting: Annotated[str, Parameter(help="dark, normal, bright or backlit.")] = "",
    clothing: Annotated[str, Parameter(help='A kind of clothes such as coat, or a garment such as "red shirt".')] = "",
    show: Show = PLAIN,
) -> None:
    """Say what pictures show where the tags say something else; your word counts, and undo takes it back.

    It is kept as a tag, and tags that contradict it are removed, so captions say it too; what you or a captioner wrote
    in whole sentences stays, and is named where it says otherwise. Instead of one of the values, any tag that says one
    will do: `--angle profile`. However many options, it is one step of the history.

    Example: `loratui overrule Mira name:img_07 --framing "full body"`
    """
    from loratui.captions.overruling import overrule_facets, tell_contradiction
    from loratui.catalog.query import get_memberships
    from loratui.cli.tags import tell_unchanged
    from loratui.errors import UsageError

    said = {
        "framing": framing,
        "angle": angle,
        "expression": expression,
        "background": background,
        "lighting": lighting,
        "clothing": clothing,
    }
    said = {facet: value for facet, value in said.items() if value}
    if not said:
        verb = f"loratui overrule {shlex.quote(subject)}"
        raise UsageError("Nothing was said.", hint=f'{verb} name:img_07 --framing "full body"')
    text = " ".join(query)
    with open_library() as catalog:
        duplicates = find_duplicates(catalog, subject)
        found = overrule_facets(catalog, subject, text, said, duplicates=duplicates)
        changed = found.changed
        hashes = {one.id: one.sha256 for one in get_memberships(catalog, [one.id for one in found.contradictions])}
        already = f"{{pictures}} showed {', '.join(f'{facet} {value}' for facet, value in said.items())} already."
        nothing = "" if any(changed.values()) else tell_unchanged(catalog, subject, text, already)
    if show.json:
        contradictions = [
            {"name": one.name, "sha256": hashes[one.id], "words": one.words, "written": one.written}
            for one in found.contradictions
        ]
        print_json({"changed": changed, "removed": found.removed, "contradictions": contradictions})
        return
    for facet, count in changed.items() if not nothing else ():
        print_text(f"{facet} {said[facet]}: {number_of(count, 'picture')} changed.")
    if found.removed:
        print_text(f"Not said any more: {', '.join(f'{tag} ({count:,})' for tag, count in found.removed.items())}.")
    if nothing:
        print_text(nothing)
    else:
        remark("`loratui undo` takes it back.", show)
    for one in found.contradictions[:_SHOWN]:
        remark(f"warning: {tell_contradiction(one)}", show)
    if found.contradictions:
        more = len(found.contradictions) - _SHOWN
        many = f"{more:,} more captions say otherwise. " if more > 0 else ""
        verb = f"loratui caption set {shlex.quote(subject)} QUERY"
        remark(f'{many}`{verb} "TEXT"` writes a caption anew, `{verb} --computed` makes it of tags.', show)


def _to_plain(
    found: Coverage, needs: Sequence[Need], samey: Sequence[SameyCluster], members: Mapping[int, Membership]
) -> dict[str, Any]:
    def name(ids: Sequence[int]) -> list[dict[str, str]]:
        return [{"name": members[id_].name, "sha256": members[id_].sha256} for id_ in ids]

    return {
        "cells": [
            {
                "facet": cell.facet,
                "row": cell.row,
                "column": cell.column,
                "pictures": cell.pictures,
                "weight": cell.weight,
                "sha256": [members[id_].sha256 for id_ in cell.ids],
            }
            for cell in found.cells
        ],
        "missing": found.missing,
        "lopsided": found.lopsided,
        "entropy": found.entropy,
        "needed": [
            {
                "facet": need.facet,
                "value": need.value,
                "share": round(need.share, 4),
                "words": need.words,
                "pictures": name(need.ids),
                "inbox": name(need.waiting),
            }
            for need in needs
        ],
        "samey": [
            {
                "kind": cluster.kind,
                "words": cluster.words,
                "keep": name([cluster.keep])[0],
                "skip": name(cluster.skip),
            }
            for cluster in samey
        ],
        "tagged": found.tagged,
        "untagged": found.untagged,
    }


def _print_coverage(found: Coverage, *, is_person: bool) -> None:
    from loratui.captions.coverage import COLUMNS, UNKNOWN

    weights: Counter[str] = Counter()
    for cell in found.cells:
        weights[cell.facet] += cell.weight
    seen = {cell.row for cell in found.cells if cell.weight}
    is_framed = bool(seen - {UNKNOWN})
    # Of a person every framing is wanted, so an empty row tells something.
    shown = [row for row in found.rows if row in seen or (is_person and is_framed)]
    for facet in COLUMNS:
        if not weights[facet]:
            continue
        cells = [cell for cell in found.cells if cell.facet == facet]
        # Nobody wears everything: of clothes only those that are there.
        columns = list(dict.fromkeys(cell.column for cell in cells if cell.weight or facet != "clothing"))
        rows = [[row, *(cell.weight for cell in cells if cell.row == row and cell.column in columns)] for row in shown]
        print_table([f"framing x {facet}", *columns], rows)
        print_text("")
    worn = next((spread.garments for spread in found.entropy if spread.garments), ())
    if worn:
        print_text(f"garments: {', '.join(f'{garment} {weight}' for garment, weight in worn)}")
    unseen = [*(["framing"] if not is_framed else []), *(facet for facet in COLUMNS if not weights[facet])]
    if unseen:
        pictures = number_of(found.tagged, "tagged picture")
        print_text(f"nothing found: {', '.join(unseen)}: no tag of {pictures} says anything about it")
    for gap in found.missing:
        # What no tag says anything about is not missing but unknown.
        if (is_framed or not gap.row) and (weights[gap.facet] or gap.row):
            print_text(f"missing: {gap.words}")
    for crowd in found.lopsided:
        print_text(f"lopsided: {100 * crowd.share:.0f} % of training is {crowd.words}")
    even = ", ".join(spread.words for spread in found.entropy if weights[_FACETS.get(spread.facet, spread.facet)])
    if even:
        print_text(f"evenness (entropy of its most): {even}")


def _tell_unseen(catalog: Catalog, owner: Subject, trained: Sequence[SeenPicture]) -> str:
    """Why there is nothing to count."""
    from loratui.captions.counts import read_book
    from loratui.captions.untagged import explain_untagged

    name = shlex.quote(owner.name)
    if not trained:
        return f"No picture of {owner.name} is in training yet: `loratui propose {name}` chooses some."
    if tags := Counter(tag for one in trained for tag in one.tags):
        ((usual, _),) = tags.most_common(1)
        return (
            f"Nothing found: tags of {number_of(len(trained), 'training picture')}, such as {usual}, say nothing "
            f"about framing, angle, face, place or clothes. `loratui overrule {name} QUERY --angle side` does."
        )
    return explain_untagged(catalog, read_book(catalog, owner, "role:primary OR role:supporting"))


def _print_advice(needs: Sequence[Need], samey: Sequence[SameyCluster], names: Mapping[int, str]) -> None:
    for need in needs:
        inbox = f"; waiting in the inbox: {_list(need.waiting, names)}" if need.waiting else ""
        print_text(f"still needed: {need.words}{inbox}")
    for cluster in samey:
        skip = _list(cluster.skip, names)
        print_text(f"samey: {cluster.words}. Keep {names[cluster.keep]}, skip {skip}: nothing new.")


def _list(ids: Sequence[int], names: Mapping[int, str]) -> str:
    listed = ", ".join(names[id_] for id_ in ids[:_SHOWN])
    return listed + (f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else "")
