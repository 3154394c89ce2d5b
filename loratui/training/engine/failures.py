"""What went wrong, in words, and what to do about it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from loratui.errors import LoratuiError

if TYPE_CHECKING:
    from loratui.training.recipe import Recipe

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def explain(error: BaseException, recipe: Recipe | None) -> tuple[str, str]:
    """Reason and hint for the end event of a failed training."""
    if isinstance(error, LoratuiError):
        return error.message, error.hint
    if _is_out_of_memory(error):
        return f"Out of memory: {_first_line(error)}", _smaller(recipe)
    if isinstance(error, OSError) and error.errno in _FULL:
        where = f" while writing {error.filename}" if error.filename else ""
        return (
            f"The disk is full{where} ({error.strerror}).",
            "Nothing was lost: free some space and resume; the last complete state and all checkpoints are kept.",
        )
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or 'a file of the run'}.", "Check the disk, then resume."
    return (
        f"The trainer stopped on an error of its own: {type(error).__name__}: {_first_line(error)}",
        "The whole message is in log.txt of the run folder; the run can be resumed from its last state.",
    )


def explain_sample(error: Exception) -> tuple[str, str]:
    """Reason and hint for a sample image that failed, while the training itself goes on."""
    if isinstance(error, LoratuiError):
        return error.message, error.hint
    if _is_out_of_memory(error):
        return (
            "there is not enough memory for it beside the training.",
            "Close other programs that use this device, or train without samples; `loratui sheet` renders every "
            "checkpoint later.",
        )
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or 'a file of the run'}.", "Free some space on the disk."
    return (
        f"{type(error).__name__}: {_first_line(error)}",
        "The whole message is in log.txt of the run folder; `loratui sheet` renders every checkpoint later.",
    )


def _is_out_of_memory(error: BaseException) -> bool:
    # By name: torch may not have been loaded yet.
    names = {kind.__name__ for kind in type(error).__mro__}
    words = str(error)
    return (
        isinstance(error, MemoryError)
        or "OutOfMemoryError" in names
        or (isinstance(error, RuntimeError) and ("can't allocate memory" in words or "out of memory" in words))
    )


def _smaller(recipe: Recipe | None) -> str:
    """What to change, cheapest first, among what this recipe has left to change."""
    ideas = []
    if recipe:
        if recipe.batch_size > 1:
            half = recipe.batch_size // 2
            ideas.append(f"batch_size {half} with accumulation {recipe.accumulation * 2}")
        if not recipe.gradient_checkpointing:
            ideas.append("gradient_checkpointing on (slower, far less memory)")
        if recipe.precision == "fp32":
            ideas.append("precision bf16")
        if recipe.resolution > 64:
            ideas.append(f"a lower resolution (now {recipe.resolution})")
        if recipe.rank > 4:
            ideas.append(f"rank {recipe.rank // 2}")
    return "Try, in this order: " + "; ".join([*ideas, "closing other programs that use this device"]) + "."


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
