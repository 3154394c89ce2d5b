"""Kohya's names of LoRA modules and the module paths of diffusers and transformers, in both directions.

Source: sd-scripts `networks/lora.py`; Stable Diffusion 1 uses `lora_unet_` and `lora_te_` with diffusers' UNet paths.
"""

from __future__ import annotations

import re

from loratui.errors import RefusedError

UNET, TEXT_ENCODER = "unet", "text_encoder"
_PREFIXES = {UNET: "lora_unet_", TEXT_ENCODER: "lora_te_"}

_UNET = re.compile(
    r"(?:(?P<side>down|up)_blocks_(?P<block>\d+)|mid_block)_attentions_(?P<attention>\d+)_"
    r"(?:(?P<proj>proj_in|proj_out)"
    r"|transformer_blocks_(?P<layer>\d+)_"
    r"(?:(?P<attn>attn[12])_(?P<part>to_q|to_k|to_v|to_out_0)|ff_net_(?P<ff>0_proj|2)))"
)
_TEXT = re.compile(
    r"text_model_encoder_layers_(?P<layer>\d+)_(?:self_attn_(?P<attn>[qkv]|out)_proj|mlp_(?P<mlp>fc[12]))"
)
SUFFIXES = ("lora_down.weight", "lora_up.weight", "alpha")


def to_kohya(component: str, path: str) -> str:
    """Kohya's name for the module at `path` of the UNet or the text encoder.

    Transformers 5 dropped the `text_model.` level that kohya's names still carry: it is put back.
    """
    if component == TEXT_ENCODER and not path.startswith("text_model."):
        path = f"text_model.{path}"
    return _PREFIXES[component] + path.replace(".", "_")


def from_kohya(name: str) -> tuple[str, str]:
    """The component and diffusers' module path (text encoder paths begin with `text_model.`) of a kohya name.

    `lora_te1_`, as some converters write, is read like `lora_te_`. RefusedError for a module that is not a linear
    layer or 1x1 convolution of an attention block.
    """
    if name.startswith("lora_unet_") and (match := _UNET.fullmatch(name.removeprefix("lora_unet_"))):
        return UNET, _unet_path(match)
    for prefix in ("lora_te_", "lora_te1_"):
        if name.startswith(prefix) and (match := _TEXT.fullmatch(name.removeprefix(prefix))):
            kind = f"self_attn.{match['attn']}_proj" if match["attn"] else f"mlp.{match['mlp']}"
            return TEXT_ENCODER, f"text_model.encoder.layers.{match['layer']}.{kind}"
    raise RefusedError(
        f"{name} is not a module of a Stable Diffusion 1 LoRA.",
        hint="Only LoRAs on attention blocks, with kohya's key names, can be read.",
    )


def _unet_path(match: re.Match[str]) -> str:
    block = f"{match['side']}_blocks.{match['block']}" if match["side"] else "mid_block"
    start = f"{block}.attentions.{match['attention']}"
    if match["proj"]:
        return f"{start}.{match['proj']}"
    layer = f"{start}.transformer_blocks.{match['layer']}"
    if match["ff"]:
        return f"{layer}.ff.net.{match['ff'].replace('_', '.')}"
    return f"{layer}.{match['attn']}.{match['part'].replace('to_out_0', 'to_out.0')}"


def split_key(key: str) -> tuple[str, str]:
    """A tensor's key as module name and suffix (down, up or alpha); RefusedError for any other suffix."""
    module, _, suffix = key.partition(".")
    if suffix not in SUFFIXES:
        raise RefusedError(
            f"{key} is not a tensor of a plain LoRA.", hint="LoHa, LoKr, DoRA and diffusers-style files can't be read."
        )
    return module, suffix
