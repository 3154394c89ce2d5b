"""All there is to know about one picture of a subject: its file, its bucket, its caption and where that is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.rules import Captioner, list_tags_above_thresholds, split_edits
from loratui.captions.service import check_caption, rules_of
from loratui.captions.tags import fold_tag
from loratui.captions.tokens import count_clip_tokens
from loratui.catalog.blobs import FileState, check_picture, picture_path
from loratui.catalog.crops import Cut, describe_cut
from loratui.catalog.edits import tag_edits_of, tag_scores_of
from loratui.catalog.sentences import sentences_of
from loratui.catalog.subjects import get_subject, subjects_of_picture
from loratui.dataset.buckets import Bucket, BucketSettings, select_bucket
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.captions.choosing import TagState
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class InspectedTag:
    """A tag of a picture, and what becomes of it in the caption."""

    text: str
    state: TagState
    score: float | None
    """What the tagger gave it, 0 to 1."""
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Placing:
    """Where training puts a picture: `scale` above 1 enlarges it, `cut` is what falls away of what is used."""

    bucket: Bucket
    scale: float
    cut: Cut


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known about one picture in one subject."""

    picture: Membership
    path: Path
    file: FileState
    caption: str
    sentence: str
    """What a captioner wrote, whether or not the caption uses it; empty when none did."""
    written: bool
    tokens: int | None
    """CLIP's tokens of the caption; None where its tokenizer is not installed."""
    doubts: tuple[str, ...]
    """What is wrong with the caption."""
    tags: tuple[InspectedTag, ...]
    others: tuple[str, ...]
    """Other subjects that use the same picture."""
    placing: Placing | None
    """None without settings, or when no bucket takes the picture."""


def inspect_picture(
    catalog: Catalog, subject: Subject | str, picture: Membership, settings: BucketSettings | None
) -> Inspection:
    """Look at one picture from all sides; with bucket settings also where training would put it."""
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    rules = rules_of(catalog, owner)
    added, removed = split_edits(tag_edits_of(catalog, owner, ids=[picture.id]).get(picture.id, ()))
    scores = tag_scores_of(catalog, owner, picture_ids=[picture.picture_id]).get(picture.picture_id, ())
    scored = list_tags_above_thresholds(scores, rules)
    captioner = Captioner(owner, rules)
    sentence = sentences_of(catalog, owner, ids=[picture.id]).get(picture.id)
    text = captioner.caption(picture.caption or "", added, removed, scored, sentence.text if sentence else "")
    given: dict[str, float] = {}
    for score in scores:
        given.setdefault(fold_tag(score.tag), score.score)
    by_hand = {fold_tag(tag) for tag in added}
    explained = captioner.explain(added, removed, scored, sentence.text if sentence else "")
    tags = [InspectedTag(tag, state, given.get(key), key in by_hand) for key, (tag, state) in explained.items()]
    tags += [InspectedTag(tag, "removed", given.get(fold_tag(tag)), True) for tag in removed]
    counted = count_clip_tokens([text])
    return Inspection(
        picture=picture,
        path=picture_path(catalog, picture),
        file=check_picture(catalog, picture),
        caption=text,
        sentence=sentence.text if sentence else "",
        written=bool((picture.caption or "").strip()),
        tokens=None if counted is None else counted[0],
        doubts=tuple(check_caption(text, owner)),
        tags=tuple(tags),
        others=tuple(name for name in subjects_of_picture(catalog, picture.picture_id) if name != owner.name),
        placing=None if settings is None else place_picture(picture.used_width, picture.used_height, settings),
    )


def place_picture(width: int, height: int, settings: BucketSettings) -> Placing | None:
    """The bucket of a picture (or of its crop) in pixels, and what falls away; None when no bucket takes it."""
    try:
        bucket = select_bucket(width, height, settings)
    except RefusedError:
        return None
    kept = (bucket.crop_left, bucket.crop_top, bucket.width, bucket.height)
    cut = describe_cut(bucket.resized_width, bucket.resized_height, kept)
    return Placing(bucket, bucket.resized_width / width, cut)
