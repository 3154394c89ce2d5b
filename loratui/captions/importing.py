"""Importing pictures together with the captions that lie beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.ratings import flag_refused, warn_of_refused
from loratui.captions.service import SidecarImport, import_sidecars
from loratui.catalog.importer import ImportResult, import_pictures
from loratui.catalog.subjects import get_subject
from loratui.events import Report, ignore_progress

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Sequence

    from loratui.catalog.ratings import UnfitPicture
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.config import Settings


@dataclass(frozen=True, slots=True)
class PicturesImport:
    """What became of the files, and of the captions when they were read."""

    pictures: ImportResult
    captions: SidecarImport | None
    unfit: tuple[UnfitPicture, ...] = ()
    """The pictures of the subject that may not be used, when captions were read: these may say so."""
    remedy: str = ""
    """What to do about them; empty when there are none."""

    @property
    def warnings(self) -> list[str]:
        """What is doubtful about either."""
        remedy = [self.remedy] if self.remedy else []
        return [*self.pictures.warnings, *(self.captions.warnings if self.captions else ()), *remedy]

    @property
    def notes(self) -> tuple[str, ...]:
        """What captions say otherwise than the files that they were read from."""
        return self.captions.notes if self.captions else ()

    @property
    def captions_read(self) -> int:
        """Pictures that got captions or tags."""
        return self.captions.imported if self.captions else 0


def import_with_captions(
    catalog: Catalog,
    subject: Subject | str,
    paths: Sequence[str | os.PathLike[str]],
    settings: Settings,
    *,
    in_place: bool = False,
    captions: bool = True,
    whole_captions: bool = False,
    workers: int | None = None,
    max_megapixels: float | None = None,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> PicturesImport:
    """Import files and folders into a subject's inbox, then the captions that lie beside them.

    With `whole_captions` each of these is kept word for word, as `import_sidecars` says.
    `workers` and `max_megapixels` win over the settings. Raises like import_pictures.
    """
    result = import_pictures(
        catalog,
        subject,
        paths,
        in_place=in_place,
        report=report,
        cancel=cancel,
        workers=workers or settings.import_workers,
        max_megapixels=max_megapixels or settings.max_megapixels,
    )
    if not captions:
        return PicturesImport(result, None)
    read = import_sidecars(catalog, subject, result.sidecars, whole=whole_captions)
    if not read.imported:
        return PicturesImport(result, read)
    # Captions may hold ratings, and words that say what a tagger has not seen yet.
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    unfit = flag_refused(catalog, owner)
    return PicturesImport(result, read, tuple(unfit), warn_of_refused(owner, unfit))
