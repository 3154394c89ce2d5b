"""Makes the tokenizer of the cast and teaches its text encoder what the words mean.

The encoder learns alone, before the UNet: from the caption it predicts every attribute (a named
character's too). Taught together with the UNet instead, it needs many times the samples.
"""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from loratui.demo import world
from loratui.demo.build_autoencoder import one_cycle
from loratui.demo.build_common import (
    Meter,
    Record,
    Settings,
    load_checkpoint,
    named_characters,
    save_checkpoint,
    say,
)
from loratui.errors import LoratuiError

if TYPE_CHECKING:
    from pathlib import Path

BATCH = 96
PEAK_RATE = 2e-3
LENGTH = 77
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def _byte_letters() -> list[str]:
    """The 256 printable stand-ins for bytes that CLIP's byte-level BPE begins with."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in kept]
    letters += [chr(256 + n) for n in range(256 - len(kept))]
    return letters


def _join(pieces: list[str], merges: list[tuple[str, str]]) -> list[str]:
    """Apply the merges in order of rank, as byte-pair encoding does."""
    rank = {pair: n for n, pair in enumerate(merges)}
    while len(pieces) > 1:
        best = min(pairwise(pieces), key=lambda pair: rank.get(pair, len(merges)))
        if best not in rank:
            break
        at = next(i for i in range(len(pieces) - 1) if (pieces[i], pieces[i + 1]) == best)
        pieces = [*pieces[:at], best[0] + best[1], *pieces[at + 2 :]]
    return pieces


def make_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges: bytes, every word of the world as one token, and syllables for names."""
    words = ["photo", "of", "someone"]
    words += [word for tag in world.ALL_TAGS for word in tag.split() if word not in words]
    merges: list[tuple[str, str]] = []
    # A merge appended last never breaks up a word that was whole before, so every word ends whole.
    for word in dict.fromkeys(words):
        pieces = _join([*word[:-1], word[-1] + "</w>"], merges)
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces = [pieces[0] + pieces[1], *pieces[2:]]
    for consonant in "bcdfghjklmnpqrstvwxyz":
        for vowel in "aeiou":
            merges += [pair for pair in ((consonant, vowel), (consonant, vowel + "</w>")) if pair not in merges]
    letters = _byte_letters()
    tokens = [*letters, *(letter + "</w>" for letter in letters), *(a + b for a, b in merges), BEGIN, END]
    return {token: n for n, token in enumerate(dict.fromkeys(tokens))}, merges


def write_tokenizer(folder: Path) -> None:
    """Save CLIP tokenizer files, both the old pair and the new single one, and check that they load."""
    vocabulary, merges = make_vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,  # type: ignore[arg-type]  # pairs are what the tokenizer takes
        bos_token=BEGIN,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        model_max_length=LENGTH,
    )
    tokenizer.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    again = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    expected = [vocabulary[t] for t in (BEGIN, "photo</w>", "of</w>", "red</w>", "hair</w>", ",</w>", END)]
    # A tokenizer whose files do not fit loads without complaint with two tokens; hence this check.
    if again("photo of red hair,")["input_ids"] != expected:
        raise LoratuiError("the tokenizer does not read back as written", hint="check the transformers version")


def new_text_encoder(tokenizer: Any) -> Any:
    """An untrained CLIP text encoder of the cast's size."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=512,
            projection_dim=128,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def training_caption(record: Record, rng: random.Random) -> tuple[str, list[str]]:
    """A caption for the picture and the tags that it says.

    Named characters mostly go without their identity tags; others sometimes bear a name that means
    nothing, so that an unknown name brings no look along.
    """
    kept = 0.85
    scene = [tag for tag in world.scene_tags(record.scene) if rng.random() < kept]
    identity = [tag for tag in world.identity_tags(record.look, record.scene) if rng.random() < kept]
    if record.name is not None:
        identity = identity if rng.random() < 0.1 else []
    name = record.name
    if name is None and rng.random() < 0.15:
        name = world.random_name(rng)
    return world.caption(name, scene + identity, rng), scene + identity


def tokenize(tokenizer: Any, captions: list[str]) -> torch.Tensor:
    """Token ids [n, 77], padded and cut."""
    ids: torch.Tensor = tokenizer(
        captions, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
    )["input_ids"]
    return ids


class AttributeReader(nn.Module):
    """Reads from one state of the encoder every attribute group and the letters of the name."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        # One class more than tags: "the caption does not say".
        self.groups = nn.ModuleList(nn.Linear(128, len(tags) + 1) for tags in world.GROUPS.values())
        self.name = nn.Linear(128, vocabulary)
        nn.init.constant_(self.name.bias, -5.0)

    def forward(self, state: torch.Tensor, wanted: torch.Tensor, names: torch.Tensor) -> torch.Tensor:
        """Loss of states [n, 128] against classes [n, groups] and name tokens [n, vocabulary] of 0/1."""
        losses = [functional.cross_entropy(head(state), wanted[:, i]) for i, head in enumerate(self.groups)]
        spelled = functional.binary_cross_entropy_with_logits(self.name(state), names, reduction="sum")
        return torch.stack(losses).sum() + 0.2 * spelled / len(state)


def _lesson(rng: random.Random, cast: list[tuple[str, world.Look]]) -> tuple[str, str, list[int]]:
    """A random caption, its name and the class of each attribute group that it tells."""
    name, look = rng.choice(cast) if rng.random() < 0.5 else (None, world.random_look(rng))
    record = Record(look, world.random_scene(rng), 0, name)
    text, said = training_caption(record, rng)
    known = set(said)
    if name is not None:
        # An identity tag in a named caption contradicts the name half of the time: the word must win.
        known |= set(world.identity_tags(look, record.scene)) | {look.eyes, look.marks}
        if rng.random() < 0.2:
            other = world.random_look(rng)
            group = rng.choice(world.IDENTITY_GROUPS)
            tag = str(getattr(other, group))
            if tag != "none":
                text = f"{text}, {tag}"
                known = {t for t in known if t not in world.GROUPS[group]} | {tag}
    classes = []
    for tags in world.GROUPS.values():
        told = [n for n, tag in enumerate(tags) if tag in known]
        classes.append(told[0] if told else len(tags))
    return text, text.split(",")[0].removeprefix("photo of "), classes


def train_text_encoder(settings: Settings) -> None:
    """Write the tokenizer, then teach the encoder to the wanted number of steps."""
    folder = settings.work / "tokenizer"
    write_tokenizer(folder)
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    encoder = new_text_encoder(tokenizer).to(settings.device)
    reader = AttributeReader(len(tokenizer)).to(settings.device)
    parameters = [*encoder.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    path = settings.work / "text_encoder.pt"
    step = 0
    if state := load_checkpoint(path, settings.device):
        encoder.load_state_dict(state["encoder"])
        reader.load_state_dict(state["reader"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    cast = list(named_characters().items())
    meter = Meter("text encoder", settings.text_steps)
    while step < settings.text_steps:
        rng = random.Random(step * 7919 + 1)
        texts, names, classes = zip(*(_lesson(rng, cast) for _ in range(BATCH)), strict=True)
        # Few captions are longer than 48 tokens; every fourth step teaches the positions behind that too.
        length = LENGTH if step % 4 == 3 else 48
        ids = tokenize(tokenizer, list(texts))[:, :length].to(settings.device)
        ids[:, -1] = tokenizer.eos_token_id
        spelled = torch.zeros(BATCH, len(tokenizer), device=settings.device)
        name_ids = tokenize(tokenizer, list(names)).to(settings.device)
        spelled.scatter_(1, name_ids, 1.0)
        wanted = torch.tensor(classes, device=settings.device)
        states = encoder(ids).last_hidden_state
        # The states after the end token see the whole caption; the UNet may read any of them.
        ends = (ids == tokenizer.eos_token_id).int().argmax(1)
        later = (ends + 1 + (torch.rand(BATCH, device=ends.device) * (length - 1 - ends)).long()).clamp(max=length - 1)
        rows = torch.arange(BATCH, device=ends.device)
        loss = reader(states[rows, ends], wanted, spelled) + reader(states[rows, later], wanted, spelled)
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step / settings.text_steps, PEAK_RATE)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        meter.note(step, loss=loss.item() / 2)
        if meter.save_due() or step == settings.text_steps:
            save_checkpoint(
                path,
                {
                    "encoder": encoder.state_dict(),
                    "reader": reader.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "step": step,
                },
            )
    encoder.save_pretrained(settings.work / "text_encoder")
    say("text encoder: written")
