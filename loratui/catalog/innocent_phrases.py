"""Phrases that have a word in them which is sexual elsewhere, such as `same-sex couple` and `anal fin`.

Narrow ones: only the phrase is passed over, and the rest of a text is judged as ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_END = (
    r"(?=\s*(?:$|[,.;:!?)|\n]|(?:of|in|on|at|against|behind|above|below|under|over|near|beside|around|by|from|along|"
    r"across|through|before|is|are|was|were|stands?|standing|parked)\b))"
)
"""Where a noun ends: no other follows that would be the one which is spoken of, as in `naked tree nymph`."""

_BARE = (
    r"branch(?:es)?|twigs?|boughs?|(?:\w+ )?trees?|tree trunks?|rocks?|cliffs?|hill(?:s|sides?)?|mountains?|"
    r"(?:light )?bulbs?|flames?|wires?|brick(?:s| walls?)?|concrete|walls?|vines?|stems?|hedges?|fields?|soil|earth"
)
_OPEN = (
    r"(?:(?:red|blue|white|black|green|yellow|old|vintage|tour|city|double-decker|sports?) )*"
    r"(?:bus|buses|convertibles?|cabriolets?|roadsters?|jeeps?|double-deckers?|cars?)"
)
_PHRASES = (
    r"(?:same|opposite)[- _]sex (?:couples?|marriages?|weddings?|partners?|parents|famil(?:y|ies)|love|kiss)",
    # The field of a form.
    r"sex ?[:=] ?(?:male|female|m|f|unknown)(?=\s*(?:$|[,.;|\n]))",
    r"sex[- ]pistols",
    rf"(?:(?:half|semi)[- ])?(?:naked|nude|bare)[ _](?:{_BARE}){_END}",
    rf"topless[ _]{_OPEN}{_END}",
    r"anal[- _]fins?",
    r"bottomless[ _](?:coffees?|brunch(?:es)?|mimosas?|cups?|drinks?|fries|sodas?|refills?|lakes?|abyss|chasms?|wells?)"
    + _END,
    r"nipple[ _]cact(?:us|i|uses)",
    r"nudie[ _](?:jeans|suits?|cohn)",
    r"(?:(?:summa|magna)[ _])?cum laude|cum grano salis|(?<=[^\W\d_]-)cum-[^\W\d_]+",
    r"(?:oilseed|winter)[ _]rape|rape[- _](?:fields?|seeds?|oil|blossoms?|flowers?|plants?)|fields? of rape" + _END,
    r"houjuu[ _]nue(?:[ _]\(touhou\))?|nue houjuu|t[eê]te nue",
    r"(?:blue|coal|marsh|willow|crested|tailed|azure|varied|bearded|penduline|footed|masked|brown|peruvian|nazca)[- _]"
    r"(?:tits|boobies)",
    r"boob tubes?|rape faces?|an[aá]lises",
    # In Latin letters these would be others.
    r"рит[аыеу]|сим",
)
_INNOCENT = re.compile(rf"(?<![^\W_])(?:{'|'.join(_PHRASES)})(?![^\W_])", re.IGNORECASE)


_WORDS = frozenset(
    (
        *("sex", "naked", "nude", "topless", "anal", "bottomless", "nipple", "nudie", "cum", "rape", "nue", "analises"),
        *("tits", "boobies", "boob", "puta", "analis", "putas", "nudies"),
    )
)
"""One of these is found in every text that has such a phrase."""


def drop_innocent(text: str, found: Collection[str]) -> str:
    """A text without these phrases; the same when it has none. `found` are the sexual words in it, folded."""
    return text if _WORDS.isdisjoint(found) else _INNOCENT.sub(" , ", text)
