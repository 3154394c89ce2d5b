"""The metadata of checkpoints."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from loratui.training.metadata import TrainingFacts, count_tags, make_metadata
from loratui.training.runspec import RunSpec, TrainingPicture, read_run

if TYPE_CHECKING:
    from .conftest import MakeRun

FACTS = TrainingFacts(
    rank=4,
    alpha=2.0,
    buckets=((40, 40, 8), (48, 32, 5)),
    aspect_error=0.01,
    batches_per_epoch=7,
    total_steps=21,
    precision="bf16",
    prediction_type="epsilon",
    started_at=1_700_000_000.25,
    trains_text_encoder=False,
)
# What kohya's trainer always writes (sd-scripts train_network.py), less what belongs to other families.
ALWAYS = """
session_id training_started_at output_name learning_rate text_encoder_lr unet_lr num_train_images
num_validation_images num_reg_images num_batches_per_epoch num_epochs gradient_checkpointing
gradient_accumulation_steps max_train_steps lr_warmup_steps lr_scheduler network_module network_dim network_alpha
network_dropout mixed_precision full_fp16 v2 base_model_version clip_skip max_token_length cache_latents seed lowram
noise_offset multires_noise_iterations multires_noise_discount adaptive_noise_scale zero_terminal_snr
training_comment sd_scripts_commit_hash optimizer max_grad_norm caption_dropout_rate caption_dropout_every_n_epochs
caption_tag_dropout_rate face_crop_aug_range prior_loss_weight min_snr_gamma scale_weight_norms ip_noise_gamma
debiased_estimation noise_offset_random_strength ip_noise_gamma_random_strength loss_type huber_schedule huber_scale
huber_c fp8_base fp8_base_unet validation_seed validation_split max_validation_steps validate_every_n_epochs
validate_every_n_steps resize_interpolation batch_size_per_device total_batch_size resolution color_aug flip_aug
random_crop shuffle_caption enable_bucket bucket_no_upscale min_bucket_reso max_bucket_reso keep_tokens dataset_dirs
reg_dataset_dirs tag_frequency bucket_info network_args sd_model_name training_finished_at steps epoch
"""


def make(spec: RunSpec) -> dict[str, str]:
    return make_metadata(spec, FACTS, epoch=2, step=14, finished_at=1_700_000_100.5)


def test_every_key_of_kohya_is_there_as_text(make_run: MakeRun) -> None:
    metadata = make(read_run(make_run().folder))
    assert {f"ss_{key}" for key in ALWAYS.split()} <= metadata.keys()
    assert all(isinstance(value, str) for value in metadata.values())
    assert metadata["ss_text_encoder_lr"] == "None"
    assert metadata["ss_cache_latents"] == "True"
    assert metadata["ss_mixed_precision"] == "bf16"
    assert metadata["ss_resolution"] == "(32, 32)"
    assert metadata["ss_num_train_images"] == "13"


def test_folders_tags_and_buckets_are_told_as_for_an_export(make_run: MakeRun) -> None:
    metadata = make(read_run(make_run().folder))
    assert json.loads(metadata["ss_dataset_dirs"]) == {
        "2_kim": {"n_repeats": 2, "img_count": 5},
        "1_kim": {"n_repeats": 1, "img_count": 3},
    }
    assert json.loads(metadata["ss_tag_frequency"])["2_kim"]["red hat"] == 5
    assert json.loads(metadata["ss_bucket_info"]) == {
        "buckets": {"0": {"resolution": [40, 40], "count": 8}, "1": {"resolution": [48, 32], "count": 5}},
        "mean_img_ar_error": 0.01,
    }


def test_modelspec_says_what_it_is_and_how_to_call_it(make_run: MakeRun) -> None:
    metadata = make(replace(read_run(make_run().folder), comment="a test"))
    spec = {key.removeprefix("modelspec."): value for key, value in metadata.items() if key.startswith("modelspec.")}
    assert spec == {
        "sai_model_spec": "1.0.1",
        "architecture": "stable-diffusion-v1/lora",
        "implementation": "diffusers",
        "title": "kim-0001",
        "resolution": "32x32",
        "date": "2023-11-14T22:15:00",
        "prediction_type": "epsilon",
        "trigger_phrase": "kim",
        "tags": "character, woman",
        "description": "a test",
    }


def test_scrubbed_metadata_names_nobody_and_nothing(make_run: MakeRun) -> None:
    metadata = make(replace(read_run(make_run().folder), scrub=True, comment="private"))
    assert not any("kim" in value or "hat" in value or "private" in value for value in metadata.values())
    assert metadata["ss_network_dim"] == "4"
    assert metadata["ss_epoch"] == "2"


def test_a_single_file_base_is_told_by_its_hashes(make_run: MakeRun) -> None:
    run = make_run()
    spec = read_run(run.folder)
    file = run.folder / "base.safetensors"
    file.write_bytes(b"x" * 0x110000)
    metadata = make(replace(spec, base=replace(spec.base, path=file, layout="file", sha256="ab" * 32)))
    assert metadata["ss_sd_model_name"] == "base.safetensors"
    assert len(metadata["ss_sd_model_hash"]) == 8
    assert metadata["ss_new_sd_model_hash"] == "ab" * 32


@given(st.lists(st.text(max_size=30), max_size=5))
def test_tags_are_counted_once_a_picture_in_lower_case(captions: list[str]) -> None:
    template = {"sha256": "", "path": "", "name": "", "width": 1, "height": 1, "role": "primary", "repeats": 9}
    pictures = [TrainingPicture(**template, caption=caption) for caption in captions]  # type: ignore[arg-type]
    counts = count_tags(pictures)
    assert sum(counts.values()) == sum(bool(part.strip()) for caption in captions for part in caption.split(","))
    assert all(tag == tag.strip().lower() and tag for tag in counts)
