"""The tags of a tagging model, read from the file beside it; row by row they are the model's outputs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.catalog.vocabulary import RATING
from loratui.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

WD_CATEGORIES = {9: RATING, 0: "general", 4: "character"}

# Danbooru numbers its categories; WD models only use those above, relatives of theirs a few more.
_CATEGORIES = {**WD_CATEGORIES, 1: "artist", 3: "copyright", 5: "meta"}
_COLUMNS = ("name", "category")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tags as the model spells them, with their categories (rating, general, character, ...), in output order."""

    names: tuple[str, ...]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def read_vocabulary(file: Path) -> Vocabulary:
    """Read selected_tags.csv or tag_mapping.json; raises RefusedError with the line that makes no sense."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"{file} is not there.", hint="A tagger's folder holds its list of tags.") from error
    except OSError as error:
        raise RefusedError(f"{file} can't be read: {error.strerror}.", hint="Check its permissions.") from error
    except UnicodeDecodeError as error:
        raise RefusedError(f"{file} is not UTF-8 text.", hint="Download it again.") from error
    try:
        found = parse_mapping(text) if file.suffix == ".json" else parse_csv(text)
    except RefusedError as error:
        raise RefusedError(f"{file}: {error.message}", hint=error.hint) from error
    if not found:
        raise RefusedError(f"{file} lists no tags.", hint="Download it again.")
    return found


def parse_csv(text: str) -> Vocabulary:
    """Read WD's tag_id,name,category,count; one redistributed list has its numbers as floats (`9.0`)."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [column.strip() for column in next(reader, [])]
        if any(column not in header for column in _COLUMNS):
            raise _wrong("it has no columns name and category.")
        name_at, category_at = (header.index(column) for column in _COLUMNS)
        names, categories = [], []
        for row in reader:
            if not row:
                continue
            try:
                names.append(row[name_at])
                categories.append(_CATEGORIES[int(float(row[category_at]))])
            except (IndexError, ValueError, KeyError, OverflowError) as error:
                raise _wrong(f"line {reader.line_num} has no name or no known category.") from error
    except csv.Error as error:
        raise _wrong(f"line {reader.line_num}: {error}.") from error
    return _build(names, categories)


def parse_mapping(text: str) -> Vocabulary:
    """Read cl_tagger's {"0": {"tag": ..., "category": "General"}, ...}, or its older pair of tables."""
    try:
        raw = json.loads(text)
        if "idx_to_tag" in raw:
            category_of = raw["tag_to_category"]
            entries = {int(key): (tag, category_of[tag]) for key, tag in raw["idx_to_tag"].items()}
        else:
            entries = {int(key): (entry["tag"], entry["category"]) for key, entry in raw.items()}
        names = [str(entries[number][0]) for number in range(len(entries))]
        categories = [str(entries[number][1]).lower() for number in range(len(entries))]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong("it holds no table of tags by number.") from error
    except KeyError as error:
        raise _wrong(f"entry {error} is missing.") from error
    return _build(names, categories)


def _build(names: list[str], categories: list[str]) -> Vocabulary:
    for number, name in enumerate(names):
        if not name.strip() or not name.isprintable():
            raise _wrong(f"tag {number} is {name!r}.")
    return Vocabulary(tuple(names), tuple(categories))


def _wrong(what: str) -> RefusedError:
    return RefusedError(f"This is no list of tags: {what}", hint="Download the tagger again, whole.")
