"""Kohya's names of LoRA modules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.errors import RefusedError
from loratui.training.keys import TEXT_ENCODER, UNET, from_kohya, split_key, to_kohya

small = st.integers(0, 30)
blocks = st.builds("down_blocks.{}".format, small) | st.builds("up_blocks.{}".format, small) | st.just("mid_block")
inner = (
    st.sampled_from(["proj_in", "proj_out"])
    | st.builds(
        "transformer_blocks.{}.attn{}.{}".format,
        small,
        st.sampled_from([1, 2]),
        st.sampled_from(["to_q", "to_k", "to_v", "to_out.0"]),
    )
    | st.builds("transformer_blocks.{}.ff.net.{}".format, small, st.sampled_from(["0.proj", "2"]))
)
unet_paths = st.builds("{}.attentions.{}.{}".format, blocks, small, inner)
text_paths = st.builds(
    "text_model.encoder.layers.{}.{}".format,
    small,
    st.sampled_from([*(f"self_attn.{part}_proj" for part in ("q", "k", "v", "out")), "mlp.fc1", "mlp.fc2"]),
)


@given(unet_paths)
def test_unet_paths_come_back_from_their_kohya_names(path: str) -> None:
    name = to_kohya(UNET, path)
    assert name.startswith("lora_unet_")
    assert "." not in name
    assert from_kohya(name) == (UNET, path)


@given(text_paths)
def test_text_encoder_paths_come_back_with_or_without_text_model(path: str) -> None:
    name = to_kohya(TEXT_ENCODER, path)
    assert name.startswith("lora_te_text_model_encoder_layers_")
    assert to_kohya(TEXT_ENCODER, path.removeprefix("text_model.")) == name
    assert from_kohya(name) == (TEXT_ENCODER, path)
    assert from_kohya(name.replace("lora_te_", "lora_te1_", 1)) == (TEXT_ENCODER, path)


def test_known_names_are_as_kohya_writes_them() -> None:
    assert (
        to_kohya(UNET, "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0")
        == "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0"
    )
    assert to_kohya(TEXT_ENCODER, "encoder.layers.11.mlp.fc1") == "lora_te_text_model_encoder_layers_11_mlp_fc1"


@pytest.mark.parametrize(
    "name",
    [
        "lora_unet_down_blocks_0_resnets_0_conv1",
        "lora_unet_input_blocks_4_1_proj_in",
        "lora_te2_text_model_encoder_layers_0_mlp_fc1",
        "lora_unet_",
        "unet.down_blocks.0",
        "",
    ],
)
def test_other_modules_are_refused(name: str) -> None:
    with pytest.raises(RefusedError):
        from_kohya(name)


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_refused(name: str) -> None:
    try:
        component, path = from_kohya(name)
    except RefusedError:
        return
    assert from_kohya(to_kohya(component, path)) == (component, path)


def test_only_plain_lora_tensors_are_split() -> None:
    assert split_key("lora_unet_a.lora_up.weight") == ("lora_unet_a", "lora_up.weight")
    with pytest.raises(RefusedError):
        split_key("lora_unet_a.hada_w1_a")
