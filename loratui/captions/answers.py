"""What a vision model answers: the sentence in it, without what models wrap around one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from loratui.errors import RefusedError

LONGEST = 2_000
"""Characters of a sentence: several times what any text encoder reads."""

_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>|^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_LABEL = re.compile(r"^(?:\*\*)?(?:caption|description|answer)(?:\*\*)?\s*:(?:\*\*)?\s*", re.IGNORECASE)
_DECLINED = re.compile(
    r"(?:i['’]?m|i am) (?:very |so |really )?(?:sorry|unable|not able)|i (?:can['’]?t|cannot|won['’]?t)\b|sorry,|"
    r"as an ai\b|i apologi[sz]e",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "“": "”", "'": "'", "«": "»"}
# What models call the sentence where they answer in JSON.
_NAMES = ("caption", "description", "text")


@dataclass(frozen=True, slots=True)
class Sentence:
    """An answer, on one line, and what it took; `cut` when it met the token limit, or was too long for a caption."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cut: bool = False


class DeclinedError(RefusedError):
    """The model gave no usable answer for one picture; others may work."""

    code = "declined"


def read_answer(answer: dict[str, Any]) -> Sentence:
    """The sentence in a chat completion, cleaned of quotes, labels, fences and thoughts; DeclinedError without one."""
    try:
        choice = answer["choices"][0]
        content = choice["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise DeclinedError("the answer holds no text", hint="Is this an endpoint for chat completions?") from None
    if isinstance(content, list):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    text = clean_sentence(content if isinstance(content, str) else "")
    cut = choice.get("finish_reason") == "length" or len(text) > LONGEST
    text = text[:LONGEST]
    if cut and (end := max(text.rfind(mark) for mark in (". ", "! ", "? "))) > 0:
        text = text[: end + 1]
    if not text:
        raise DeclinedError("the answer is empty", hint="A thinking model may need a larger --max-tokens.")
    if _DECLINED.match(text):
        raise DeclinedError(f"the model declined: {text[:120]}", hint="Write this caption by hand.")
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    tokens = [counts.get(name) for name in ("prompt_tokens", "completion_tokens")]
    prompt, answered = (count if isinstance(count, int) else 0 for count in tokens)
    return Sentence(text, prompt, answered, cut)


def clean_sentence(text: str) -> str:
    """A model's answer as one line of plain text."""
    text = _THOUGHTS.sub("", text).strip()
    text = _LABEL.sub("", _unpack(_FENCE.sub("", text).strip()).strip()).strip()
    text = "".join(character if character.isprintable() else " " for character in text)
    text = " ".join(text.replace("**", "").split())
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text.count(text[-1]) <= 2:
        text = text[1:-1].strip()
    return text


def _unpack(text: str) -> str:
    """The sentence in a JSON object that has one under a name that is known; anything else as it is."""
    if not text.startswith("{"):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    sentences = [found[name] for name in _NAMES if isinstance(found.get(name), str)]
    return sentences[0] if len(sentences) == 1 else text
