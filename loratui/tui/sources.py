"""Where the pixels of a tile or a preview come from; every load runs in a decode thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog

THUMBNAIL_SIDE = 256
"""Up to this many pixels on the longer side the thumbnail does."""


class Source(Protocol):
    """Something that can be drawn."""

    @property
    def key(self) -> str:
        """What its pixels are known by in caches: changes whenever they do."""

    def load(self, side: int) -> Image.Image:
        """The picture in RGB, upright; `side` is how many pixels of its longer side will be shown.

        Raises LoratuiError or OSError when it is missing or broken.
        """


@dataclass(frozen=True, slots=True)
class MembershipSource:
    """A picture of the library: its thumbnail while that is sharp enough, else the picture itself."""

    catalog: Catalog
    membership: Membership

    @property
    def key(self) -> str:
        return self.membership.sha256

    def load(self, side: int) -> Image.Image:
        from loratui.catalog.blobs import get_thumbnail, picture_path
        from loratui.catalog.pictures import load_rgb

        if side > THUMBNAIL_SIDE:
            return load_rgb(picture_path(self.catalog, self.membership))
        try:
            return _open(get_thumbnail(self.catalog, self.membership))
        except (OSError, SyntaxError):
            # A thumbnail cut short by a full disk or a kill: the cache may be deleted at any time, so make it again.
            get_thumbnail(self.catalog, self.membership).unlink(missing_ok=True)
            return _open(get_thumbnail(self.catalog, self.membership))


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file outside the library, such as a cell of a sample sheet; `version` tells rewritten ones apart."""

    path: Path
    version: str = ""

    @property
    def key(self) -> str:
        return f"{self.path}#{self.version}"

    def load(self, side: int) -> Image.Image:
        return _open(self.path)


def _open(path: Path) -> Image.Image:
    from PIL import Image

    with Image.open(path) as image:
        return image.convert("RGB")
