"""Sentences of the services as the app says them: keys in place of command lines."""

from __future__ import annotations

import re

_KEYS = (
    (re.compile(r"`loratui tag\b[^`]*`"), "W on the wall (F3)"),
    (re.compile(r"`loratui overrule\b[^`]*`"), "f on the wall (F3)"),
    (re.compile(r"`loratui import [^`]*`"), "a on the wall (F3)"),
    (re.compile(r"--again(?= chooses)"), "a"),
    (re.compile(r"`loratui balance [^`]*`"), "b, then enter,"),
    (re.compile(r"`loratui coverage [^`]*`"), "b"),
    (re.compile(r"`loratui rules set [^`]*`"), "R on the tags screen"),
)


def name_keys(sentence: str) -> str:
    """The sentence with the key of the app wherever it names a command line that has one."""
    for command, key in _KEYS:
        sentence = command.sub(key, sentence)
    return sentence
