"""Builds the cast, stage by stage: `python -m loratui.demo.build`. It can be stopped and continued.

On two CPU cores all of it takes about three hours; pictures, captions and seeds are the same on every machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from loratui.demo.build_autoencoder import polish_decoder, train_autoencoder
from loratui.demo.build_card import write_card
from loratui.demo.build_common import Settings, pictures, tune_process
from loratui.demo.build_lora import measure_lora
from loratui.demo.build_tagger import train_tagger
from loratui.demo.build_text import train_text_encoder
from loratui.demo.build_unet import train_unet

STAGES = {
    "dataset": pictures,
    "text_encoder": train_text_encoder,
    "autoencoder": train_autoencoder,
    "decoder": polish_decoder,
    "tagger": train_tagger,
    "unet": train_unet,
    "lora": measure_lora,
    "card": write_card,
}
QUICK = {
    "pictures": 48,
    "text_steps": 2,
    "autoencoder_samples": 16,
    "decoder_samples": 16,
    "tagger_samples": 64,
    "unet_samples": 32,
    "checks": 20,
}
"""Sizes with which every stage runs in seconds and nothing is learned."""


def main(arguments: list[str] | None = None) -> None:
    """Run the asked stages in order."""
    parser = argparse.ArgumentParser(prog="python -m loratui.demo.build", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stage", choices=STAGES, action="append", help="only this stage; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("assets"), help="the cast goes to OUT/cast")
    parser.add_argument("--work", type=Path, default=Path("build-cast"), help="checkpoints and caches")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1, help="more than free cores makes it slower")
    parser.add_argument("--unet-samples", type=int, help=f"how long to train; default {Settings.unet_samples}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the builder out")
    asked = parser.parse_args(arguments)
    if arguments is None:
        tune_process(asked.threads)
    device = asked.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes = dict(QUICK) if asked.quick else {}
    if asked.unet_samples:
        sizes["unet_samples"] = asked.unet_samples
    settings = Settings(out=asked.out, work=asked.work, device=device, **sizes)
    for stage in asked.stage or STAGES:
        STAGES[stage](settings)


if __name__ == "__main__":
    main()
