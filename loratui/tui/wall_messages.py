"""What a picture wall tells its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from loratui.tui.wall import ImageWall


class _WallMessage(Message):
    """Told by a wall; a newer one of the same kind takes the place of one that still waits."""

    def __init__(self, wall: ImageWall) -> None:
        super().__init__()
        self.wall = wall

    @property
    def control(self) -> ImageWall:
        return self.wall

    def can_replace(self, message: Message) -> bool:
        return type(message) is type(self) and isinstance(message, _WallMessage) and message.wall is self.wall


class CursorMoved(_WallMessage, namespace="image_wall"):
    """The cursor is on another picture, or that picture at another place; `id` is None when the wall is empty."""

    def __init__(self, wall: ImageWall, id: int | None, index: int) -> None:
        super().__init__(wall)
        self.id = id
        self.index = index


class Drawn(_WallMessage, namespace="image_wall"):
    """All pictures in sight are drawn, the first time since other ones were given."""


class MarksChanged(_WallMessage, namespace="image_wall"):
    """Other pictures are marked, `count` in all."""

    def __init__(self, wall: ImageWall, count: int) -> None:
        super().__init__(wall)
        self.count = count


class Opened(_WallMessage, namespace="image_wall"):
    """A picture was double-clicked."""

    def __init__(self, wall: ImageWall, id: int) -> None:
        super().__init__(wall)
        self.id = id


class WallNeeds(_WallMessage):
    """The wall wants the labels of these pictures: answer with `put_labels`, once they are loaded in a thread."""

    def __init__(self, wall: ImageWall, ids: list[int]) -> None:
        super().__init__(wall)
        self.ids = ids

    def can_replace(self, message: Message) -> bool:
        # Each asks for what the others did not.
        return False
