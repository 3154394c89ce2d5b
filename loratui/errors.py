"""The errors a person can meet, each with a stable code, an exit code and a hint.

LoratuiError                      exit 1   something failed
├── UsageError                    exit 2   the request itself is wrong
├── NotFoundError                 exit 3   a named thing does not exist
├── ConflictError                 exit 4   clashes with what is there, or locked
├── RefusedError                  exit 5   checked and refused (validation, consent, safety)
├── TrainingError                 exit 6   a training or rendering process failed
└── MissingFeatureError           exit 7   an extra, a device or a terminal is missing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class LoratuiError(Exception):
    """A failure told in words: what happened, and in `hint` what to do about it.

    `detail` has lists for other programs of what the message counts, by name: plain JSON values.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = dict(detail or {})


class UsageError(LoratuiError):
    """The arguments, a query or a setting can't be understood."""

    code = "usage"
    exit_code = 2


class NotFoundError(LoratuiError):
    """A subject, picture, run, base or file that was named does not exist."""

    code = "not_found"
    exit_code = 3


class ConflictError(LoratuiError):
    """The request clashes with existing data, or another process holds the lock."""

    code = "conflict"
    exit_code = 4


class RefusedError(LoratuiError):
    """The request was checked and refused: invalid data, missing consent, unsafe content."""

    code = "refused"
    exit_code = 5


class TrainingError(LoratuiError):
    """A training or rendering process ended badly."""

    code = "training"
    exit_code = 6


class MissingFeatureError(LoratuiError):
    """An optional dependency, a device or a terminal feature is not available."""

    code = "missing_feature"
    exit_code = 7


class Cancelled(LoratuiError):  # noqa: N818 - reads as a state, like asyncio.CancelledError
    """The person stopped the job; what was done so far is kept."""

    code = "cancelled"
    exit_code = 130
