"""What all edits of the tags screen start from: the tag under the cursor, and what was read last."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from loratui.tui.curation import CurationScreen

if TYPE_CHECKING:
    from loratui.captions.counts import TagCount
    from loratui.tui.tag_lines import TagView


class TagCuration(CurationScreen):
    """A screen that edits tags; the tags screen says which."""

    @property
    @abstractmethod
    def tag(self) -> TagCount | None:
        """The tag under the cursor."""

    @property
    @abstractmethod
    def view(self) -> TagView:
        """What was read last."""
