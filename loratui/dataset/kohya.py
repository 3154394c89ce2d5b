"""Export for kohya's trainers: `N_Trigger` folders, a caption for every picture, a dataset.toml and a manifest."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loratui.captions.mixture import tell_mixture
from loratui.captions.service import check_caption
from loratui.captions.tokens import find_long
from loratui.catalog.blobs import picture_path, read_picture
from loratui.catalog.query import select_memberships
from loratui.catalog.subjects import get_subject
from loratui.catalog.walking import show_path
from loratui.dataset.buckets import BucketSettings, make_buckets
from loratui.dataset.folder import ExportFolder, open_folder
from loratui.dataset.placing import Placement, Placer, choose_suffix, encode_png
from loratui.dataset.snapshot import freeze, parse_content
from loratui.errors import Cancelled, NotFoundError, RefusedError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from loratui.catalog.rows import Box, Membership, Snapshot, Subject
    from loratui.catalog.store import Catalog

CONFIG = "dataset.toml"

_REPORT_EVERY = 250
# Photos take 1.5 to 2 bytes a pixel as PNG.
_PNG_BYTES_PER_PIXEL = 2
_SMALL_FILE_BYTES = 4096

# The sha256 of a picture, and the sides of its crop if it has one.
_Pixels = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export did.

    Of the pictures, `linked` cost no space, `copied` and `encoded` did, `unchanged` lay there already. `removed`
    counts stale files of ours; `kept` names a person's files in the folder, `edited` those of ours that a person
    had changed and that were moved aside.
    """

    folder: Path
    snapshot: str
    pictures: int
    samples: int
    folders: dict[str, int]
    linked: int
    copied: int
    encoded: int
    unchanged: int
    removed: int
    kept: tuple[str, ...]
    edited: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Item:
    """One picture on its way into the export."""

    picture: Membership
    repeats: int
    caption: str
    crop: Box | None
    source: Path
    name: str
    """Relative, without suffix."""
    suffix: str
    encode: bool
    sha256: str = ""
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> bytes:
        # The new line keeps an empty caption from being a file of no bytes, on which sd-scripts stops.
        return f"{self.caption}\n".encode()


def export_kohya(
    catalog: Catalog,
    subject: Subject | str,
    folder: Path,
    *,
    resolution: int = 512,
    bucket_step: int = 64,
    min_bucket: int = 256,
    max_bucket: int = 1024,
    upscale: bool = True,
    batch_size: int = 1,
    shuffle_captions: bool = False,
    keep_tokens: int = 1,
    flip: bool = False,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> ExportResult:
    """Write a subject's training pictures to `folder` for sd-scripts and its kin; the settings go into dataset.toml.

    The folder is new, empty, or an earlier export of this subject, which is brought up to date: the same dataset
    gives the same bytes. Raises ConflictError for a folder that holds anything else, RefusedError when there is
    nothing to train on, too little space or a file that changed, and Cancelled; after any of them, exporting
    again puts the folder right.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    bucketing = BucketSettings(resolution, bucket_step, min_bucket, max_bucket, upscale)
    make_buckets(bucketing)
    snapshot = freeze(catalog, owner)
    target = folder.expanduser().absolute()
    header = {"subject": owner.name, "trigger": owner.trigger, "snapshot": snapshot.hash}
    try:
        items = _plan_items(catalog, owner, snapshot)
        config = _write_toml(
            target, owner, items, bucketing, batch_size, shuffle=shuffle_captions, keep_tokens=keep_tokens, flip=flip
        )
        names = [name for item in items for name in (item.name + item.suffix, item.name + ".txt")]
        with open_folder(target, owner=owner.name) as place:
            placer = Placer()
            _check_space(place, items, placer)
            place.begin(header, [*names, CONFIG])
            # Without it, an export that is cut short can't be trained on by mistake.
            place.make_way(CONFIG)
            for name in {item.name.partition("/")[0] for item in items}:
                (target / name).mkdir(exist_ok=True)
            counts = _place_items(catalog, place, items, placer, report, cancel)
            removed = place.remove_stale([*names, CONFIG])
            (target / CONFIG).write_bytes(config)
            files = {CONFIG: {"sha256": hashlib.sha256(config).hexdigest()}}
            for item in items:
                files[item.name + item.suffix] = {"sha256": item.sha256, **item.about}
                files[item.name + ".txt"] = {"sha256": hashlib.sha256(item.text).hexdigest()}
            place.finish(header, files)
            kept = place.list_foreign(files)
    except OSError as error:
        raise _explain(error, target) from error
    folders: dict[str, int] = {}
    for item in items:
        name = item.name.partition("/")[0]
        folders[name] = folders.get(name, 0) + 1
    return ExportResult(
        folder=target,
        snapshot=snapshot.hash,
        pictures=len(items),
        samples=sum(item.repeats for item in items),
        folders=folders,
        linked=counts["linked"],
        copied=counts["copied"],
        encoded=counts["encoded"],
        unchanged=counts["unchanged"],
        removed=removed,
        kept=tuple(kept),
        edited=tuple(place.edited),
        warnings=(*_collect_warnings(owner, items, kept), *filter(None, [tell_mixture(catalog, owner)])),
    )


def name_folder(trigger: str, repeats: int) -> str:
    """The folder that kohya's trainers read as `repeats` of the trigger; letters no file system takes become dashes."""
    safe = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "-", unicodedata.normalize("NFC", trigger)).strip(" .")
    while len(safe.encode()) > 120:
        safe = safe[:-1].rstrip(" .")
    return f"{repeats}_{safe or 'subject'}"


def name_stem(trigger: str, number: int, sha256: str, caption: str, crop: Box | None = None) -> str:
    """A unique plain ASCII file stem that changes with the picture, its crop and its caption.

    Trainers keep caches under the stem and never look whether they still fit, so a changed caption needs a new
    one. It has two underscores: in four or more, sd-scripts sees the coordinates of a face.
    """
    plain = unicodedata.normalize("NFKD", trigger).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:40] or "picture"
    cropped = "" if crop is None else f"\n{','.join(map(str, crop))}"
    content = hashlib.sha256(f"{sha256}\n{caption}{cropped}".encode()).hexdigest()
    return f"{safe}_{number:04d}_{content[:8]}"


def _plan_items(catalog: Catalog, subject: Subject, snapshot: Snapshot) -> list[_Item]:
    chosen = {picture.sha256: picture for picture in select_memberships(catalog, subject)}
    items = []
    for frozen in parse_content(snapshot.content).pictures:
        if (picture := chosen.get(frozen.sha256)) is None:
            raise NotFoundError(f"{frozen.name} left the subject while it was being exported.", hint="Export it again.")
        source = picture_path(catalog, picture)
        suffix = choose_suffix(picture, source, cropped=frozen.crop is not None)
        stem = name_stem(subject.trigger, picture.id, frozen.sha256, frozen.caption, frozen.crop)
        width, height = frozen.used_size
        about: dict[str, Any] = {
            "picture": frozen.sha256,
            "name": frozen.name,
            "role": frozen.role,
            "repeats": frozen.repeats,
            "width": width,
            "height": height,
            "encoded": suffix is None,
        }
        if frozen.crop is not None:
            about["crop"] = list(frozen.crop)
        items.append(
            _Item(
                picture=picture,
                repeats=frozen.repeats,
                caption=frozen.caption,
                crop=frozen.crop,
                source=source,
                name=f"{name_folder(subject.trigger, frozen.repeats)}/{stem}",
                suffix=suffix or ".png",
                encode=suffix is None,
                about=about,
            )
        )
    return sorted(items, key=lambda item: item.name)


def _check_space(place: ExportFolder, items: Sequence[_Item], placer: Placer) -> None:
    needed = 0
    links = placer.needs_space(items[0].source, place.path)
    for item in items:
        if item.name + item.suffix in place.files:
            continue
        needed += _SMALL_FILE_BYTES
        if item.encode:
            needed += item.about["width"] * item.about["height"] * _PNG_BYTES_PER_PIXEL
        elif links or item.picture.in_place_path:
            needed += item.picture.bytes
    free = shutil.disk_usage(place.path).free
    if needed > free:
        raise RefusedError(
            f"The export needs about {needed / 1e6:,.0f} MB; {show_path(place.path)} has {free / 1e6:,.0f} MB free.",
            hint="Free some space, or export to another disk.",
        )


def _place_items(
    catalog: Catalog,
    place: ExportFolder,
    items: Sequence[_Item],
    placer: Placer,
    report: Report,
    cancel: threading.Event | None,
) -> dict[Placement, int]:
    counts: dict[Placement, int] = {"linked": 0, "copied": 0, "encoded": 0, "unchanged": 0}
    done, started = 0, time.monotonic()

    def tick() -> None:
        nonlocal done
        done += 1
        if done % _REPORT_EVERY == 0 or done == len(items):
            left = (time.monotonic() - started) / done * (len(items) - done)
            report(Progress("export", done, len(items), eta_s=left))
        if cancel is not None and cancel.is_set():
            raise Cancelled("The export was stopped.", hint="Exporting again goes on where it stopped.")

    for item in items:
        _place_caption(place, item)
        if not item.encode:
            counts[_place_stored(place, item, placer)] += 1
            tick()
    earlier = _find_encoded(place)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        jobs = [pool.submit(_place_encoded, catalog, place, item, earlier) for item in items if item.encode]
        try:
            for job in jobs:
                counts[job.result()] += 1
                tick()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return counts


def _place_caption(place: ExportFolder, item: _Item) -> None:
    name = item.name + ".txt"
    if name in place.present:
        if (place.path / name).read_bytes() == item.text:
            return
        place.make_way(name)
    # Ten thousand of these: plain calls take half the time of a file object.
    handle = os.open(f"{place.path}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(handle, item.text)
    finally:
        os.close(handle)


def _place_stored(place: ExportFolder, item: _Item, placer: Placer) -> Placement:
    name = item.name + item.suffix
    path = place.path / name
    item.sha256 = item.picture.sha256
    if name in place.present:
        if placer.is_placed(item.source, path):
            return "unchanged"
        place.make_way(name)
    return placer.place(item.source, path, sha256=item.sha256, managed=not item.picture.in_place_path)


def _find_encoded(place: ExportFolder) -> dict[_Pixels, str]:
    """PNGs of the last export by what they were made of: a new caption needs a new name, not a new PNG."""
    return {_pixels_of(about): name for name, about in place.files.items() if about.get("encoded")}


def _pixels_of(about: dict[str, Any]) -> _Pixels:
    return about["picture"], tuple(about.get("crop") or ())


def _place_encoded(catalog: Catalog, place: ExportFolder, item: _Item, earlier: dict[_Pixels, str]) -> Placement:
    name = item.name + item.suffix
    made = earlier.get(_pixels_of(item.about), "")
    if place.is_untouched(made):
        item.sha256 = place.files[made]["sha256"]
        if made == name:
            return "unchanged"
        place.make_way(name)
        os.link(place.path / made, place.path / name)
        return "encoded"
    place.make_way(name)
    item.sha256 = encode_png(read_picture(catalog, item.picture), place.path / name, item.crop)
    return "encoded"


def _write_toml(
    target: Path,
    subject: Subject,
    items: Sequence[_Item],
    bucketing: BucketSettings,
    batch_size: int,
    *,
    shuffle: bool,
    keep_tokens: int,
    flip: bool,
) -> bytes:
    words = " ".join(word for word in (subject.trigger, subject.class_word) if word)
    lines = [
        "# Written by loratui for sd-scripts: train_network.py --dataset_config dataset.toml",
        "[general]",
        'caption_extension = ".txt"',
        f"shuffle_caption = {_toml(shuffle)}",
        f"keep_tokens = {keep_tokens}",
        f"flip_aug = {_toml(flip)}",
        "",
        "[[datasets]]",
        f"resolution = {bucketing.resolution}",
        f"batch_size = {batch_size}",
        "enable_bucket = true",
        f"min_bucket_reso = {bucketing.min_side}",
        f"max_bucket_reso = {bucketing.max_side}",
        f"bucket_reso_steps = {bucketing.step}",
        f"bucket_no_upscale = {_toml(not bucketing.upscale)}",
    ]
    for repeats in sorted({item.repeats for item in items}, reverse=True):
        # Sd-scripts takes the path from where it was started, not from this file: it must be absolute.
        lines += [
            "",
            "[[datasets.subsets]]",
            f"image_dir = {_toml(str(target / name_folder(subject.trigger, repeats)))}",
            f"num_repeats = {repeats}",
            f"class_tokens = {_toml(words)}",
        ]
    try:
        return ("\n".join(lines) + "\n").encode()
    except UnicodeEncodeError as error:
        raise RefusedError(
            "The export folder's name is not valid UTF-8, which dataset.toml must be.", hint="Name another folder."
        ) from error


def _toml(value: str | bool) -> str:
    # JSON's escapes are TOML's, but TOML wants DEL escaped too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _collect_warnings(subject: Subject, items: Sequence[_Item], kept: Sequence[str]) -> list[str]:
    warnings = []
    doubtful = [item for item in items if check_caption(item.caption, subject)]
    if doubtful:
        lack = "caption lacks" if len(doubtful) == 1 else "captions lack"
        warnings.append(f"{len(doubtful)} {lack} the trigger {subject.trigger}.")
    if long := find_long((item.picture.name, item.caption) for item in items):
        warnings.append(f"{long.message} {long.hint}")
    folders = {item.name.partition("/")[0] for item in items}
    trained = [name for name in kept if name.partition("/")[0] in folders and "/" in name]
    if trained:
        lie = "file of yours lies" if len(trained) == 1 else "files of yours lie"
        warnings.append(
            f"{len(trained)} {lie} among the pictures; a trainer may read {'it' if len(trained) == 1 else 'them'} too."
        )
    return warnings


def _explain(error: OSError, target: Path) -> RefusedError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RefusedError(
            f"The disk of {show_path(target)} is full.",
            hint="Free some space and export again: it goes on where it stopped.",
        )
    # A picture may be gone before the folder of the export was made.
    makes_folder = error.filename is None or Path(os.fsdecode(error.filename)) in (target, *target.parents)
    if isinstance(error, FileNotFoundError) and makes_folder and not target.is_dir():
        return RefusedError(
            f"The folder {show_path(target)} can't be created: {error.strerror}.",
            hint="Name a folder in a place where you can write.",
        )
    if isinstance(error, FileNotFoundError):
        return RefusedError(
            f"{show_path(error.filename)} is gone.", hint="Check the library with loratui doctor, then export again."
        )
    return RefusedError(
        f"{show_path(error.filename or target)} can't be written: {error.strerror}.",
        hint="Check the folder and its rights.",
    )
