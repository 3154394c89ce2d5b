"""Captions as the UNet reads them: tokens cut to the encoder's length, embeddings kept while they can't change."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

# Embeddings of shuffled captions are rarely met twice: memory, in bytes, is bounded.
CACHE_BYTES = 256 * 1024 * 1024


class TextEmbedder:
    """Tokenizer and text encoder together; a `trained` encoder is run anew every time, with gradients."""

    def __init__(self, tokenizer: Any, encoder: torch.nn.Module, device: torch.device, *, trained: bool) -> None:
        self._tokenizer, self._encoder, self._device, self._trained = tokenizer, encoder, device, trained
        self._length = int(encoder.config.max_position_embeddings)  # type: ignore[union-attr,arg-type]
        self._kept: OrderedDict[str, torch.Tensor] = OrderedDict()
        # One caption at a time on the CPU, where a resumed run must get the same bits in any company.
        self._at_once = 1 if device.type == "cpu" else 32

    def count_tokens(self, caption: str) -> int:
        """Tokens of a caption, with those at its start and end."""
        return len(self._tokenizer(caption).input_ids)

    @property
    def limit(self) -> int:
        """Tokens that the encoder reads; those beyond are not seen."""
        return self._length

    def embed(self, captions: Sequence[str]) -> torch.Tensor:
        """Embeddings [n, tokens, width] on the device."""
        if self._trained:
            return self._encode(list(captions))
        self._fill(captions)
        return torch.stack([self._kept[caption] for caption in captions])

    @torch.no_grad()
    def _fill(self, captions: Sequence[str]) -> None:
        new = []
        for caption in dict.fromkeys(captions):
            if caption in self._kept:
                self._kept.move_to_end(caption)
            else:
                new.append(caption)
        for start in range(0, len(new), self._at_once):
            part = new[start : start + self._at_once]
            for caption, embedding in zip(part, self._encode(part), strict=True):
                self._kept[caption] = embedding
        if not self._kept:
            return
        sample = next(iter(self._kept.values()))
        most = max(len(set(captions)), CACHE_BYTES // (sample.numel() * sample.element_size()))
        while len(self._kept) > most:
            self._kept.popitem(last=False)

    def _encode(self, captions: list[str]) -> torch.Tensor:
        tokens = self._tokenizer(
            captions, padding="max_length", max_length=self._length, truncation=True, return_tensors="pt"
        ).input_ids.to(self._device)
        return torch.as_tensor(self._encoder(tokens).last_hidden_state)
