"""The metadata of a checkpoint: kohya's `ss_*` and Stability's `modelspec.*` keys, every value a string.

Sources: sd-scripts `train_network.py` and `library/sai_model_spec.py` (ModelSpec 1.0.1).
"""

from __future__ import annotations

import json
import math
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loratui import __version__
from loratui.training.bases import FAMILIES
from loratui.training.lorafile import legacy_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.training.runspec import RunSpec, TrainingPicture


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What only the trainer knows: its arithmetic, its precision, and the LoRA's real shape."""

    rank: int
    alpha: float
    buckets: tuple[tuple[int, int, int], ...]
    """(width, height, samples with repeats) of each bucket."""
    aspect_error: float
    """Mean difference between the aspect ratios of pictures and buckets, without repeats."""
    batches_per_epoch: int
    total_steps: int
    precision: str
    prediction_type: str
    started_at: float
    """Unix seconds of the first attempt's start."""
    trains_text_encoder: bool


_SCRUBBED = (
    "ss_v2",
    "ss_base_model_version",
    "ss_network_module",
    "ss_network_dim",
    "ss_network_alpha",
    "ss_network_args",
    "ss_epoch",
    "ss_steps",
    "modelspec.sai_model_spec",
    "modelspec.architecture",
    "modelspec.implementation",
    "modelspec.resolution",
    "modelspec.date",
    "modelspec.prediction_type",
)


def make_metadata(spec: RunSpec, facts: TrainingFacts, *, epoch: int, step: int, finished_at: float) -> dict[str, str]:
    """All metadata of the checkpoint of one epoch; with `spec.scrub` only what a loader needs."""
    values = {
        **_training_values(spec, facts),
        **_dataset_values(spec, facts),
        **_unused_values(),
        **_base_values(spec),
        "ss_training_finished_at": finished_at,
        "ss_steps": step,
        "ss_epoch": epoch,
    }
    written = {key: value if isinstance(value, str) else str(value) for key, value in values.items()}
    written |= _modelspec(spec, facts, finished_at)
    return {key: written[key] for key in _SCRUBBED if key in written} if spec.scrub else written


def _training_values(spec: RunSpec, facts: TrainingFacts) -> dict[str, Any]:
    recipe = spec.recipe
    family = FAMILIES[spec.base.family]
    return {
        "ss_session_id": zlib.crc32(f"{spec.run} {facts.started_at}".encode()),
        "ss_training_started_at": facts.started_at,
        "ss_output_name": spec.output_name,
        "ss_learning_rate": recipe.learning_rate,
        "ss_unet_lr": recipe.learning_rate,
        "ss_text_encoder_lr": recipe.text_encoder_lr if facts.trains_text_encoder else None,
        "ss_num_train_images": sum(picture.repeats for picture in spec.pictures),
        "ss_num_validation_images": 0,
        "ss_num_reg_images": 0,
        "ss_num_batches_per_epoch": facts.batches_per_epoch,
        "ss_num_epochs": recipe.epochs,
        "ss_gradient_checkpointing": recipe.gradient_checkpointing,
        "ss_gradient_accumulation_steps": recipe.accumulation,
        "ss_max_train_steps": facts.total_steps,
        "ss_lr_warmup_steps": recipe.warmup_steps,
        "ss_lr_scheduler": recipe.scheduler,
        "ss_network_module": "networks.lora",
        "ss_network_dim": facts.rank,
        "ss_network_alpha": facts.alpha,
        "ss_network_dropout": None,
        "ss_network_args": "{}",
        "ss_mixed_precision": {"fp32": "no"}.get(facts.precision, facts.precision),
        "ss_full_fp16": False,
        "ss_v2": False,
        "ss_base_model_version": family.kohya_version,
        "ss_clip_skip": None,
        "ss_max_token_length": None,
        "ss_cache_latents": True,
        "ss_seed": recipe.seed,
        "ss_noise_offset": recipe.noise_offset or None,
        "ss_training_comment": spec.comment or None,
        "ss_optimizer": f"torch.optim.adamw.AdamW(weight_decay={recipe.weight_decay})",
        "ss_max_grad_norm": recipe.max_grad_norm,
        "ss_caption_dropout_rate": recipe.caption_dropout,
        "ss_min_snr_gamma": recipe.min_snr_gamma or None,
        "ss_loss_type": "l2",
        "ss_loratui_version": __version__,
        "ss_loratui_run": spec.run,
        "ss_loratui_dataset": spec.dataset_hash,
    }


def _unused_values() -> dict[str, Any]:
    """Keys that readers of kohya's files may expect, for features that this trainer does not use."""
    absent = (
        "multires_noise_iterations adaptive_noise_scale sd_scripts_commit_hash face_crop_aug_range scale_weight_norms "
        "ip_noise_gamma huber_schedule huber_scale huber_c validation_seed max_validation_steps "
        "validate_every_n_epochs validate_every_n_steps resize_interpolation"
    )
    no = "lowram zero_terminal_snr debiased_estimation noise_offset_random_strength ip_noise_gamma_random_strength "
    no += "fp8_base fp8_base_unet color_aug random_crop"
    zero = ("caption_dropout_every_n_epochs", "caption_tag_dropout_rate", "validation_split")
    return {
        **{f"ss_{key}": None for key in absent.split()},
        **{f"ss_{key}": False for key in no.split()},
        **{f"ss_{key}": 0 for key in zero},
        "ss_multires_noise_discount": 0.3,
        "ss_prior_loss_weight": 1.0,
    }


def _dataset_values(spec: RunSpec, facts: TrainingFacts) -> dict[str, Any]:
    recipe = spec.recipe
    folders: dict[str, list[TrainingPicture]] = {}
    for picture in spec.pictures:
        folders.setdefault(f"{picture.repeats}_{spec.trigger}", []).append(picture)
    return {
        "ss_batch_size_per_device": recipe.batch_size,
        "ss_total_batch_size": recipe.batch_size * recipe.accumulation,
        "ss_resolution": (recipe.resolution, recipe.resolution),
        "ss_flip_aug": recipe.flip,
        "ss_shuffle_caption": recipe.shuffle_captions,
        "ss_keep_tokens": recipe.keep_tokens,
        "ss_enable_bucket": True,
        "ss_bucket_no_upscale": not recipe.upscale,
        "ss_min_bucket_reso": recipe.min_bucket,
        "ss_max_bucket_reso": recipe.max_bucket,
        "ss_dataset_dirs": _to_json(
            {name: {"n_repeats": found[0].repeats, "img_count": len(found)} for name, found in folders.items()}
        ),
        "ss_reg_dataset_dirs": "{}",
        "ss_tag_frequency": _to_json({name: count_tags(found) for name, found in folders.items()}),
        "ss_bucket_info": _to_json(
            {
                "buckets": {
                    str(index): {"resolution": [width, height], "count": samples}
                    for index, (width, height, samples) in enumerate(facts.buckets)
                },
                "mean_img_ar_error": facts.aspect_error,
            }
        ),
    }


def count_tags(pictures: list[TrainingPicture]) -> dict[str, int]:
    """How many pictures carry each tag by kohya's rule: split at commas, stripped, lower case; repeats don't count."""
    counts: Counter[str] = Counter()
    for picture in pictures:
        counts.update(tag for part in picture.caption.split(",") if (tag := part.strip().lower()))
    return dict(counts)


def _base_values(spec: RunSpec) -> dict[str, Any]:
    values: dict[str, Any] = {"ss_sd_model_name": spec.base.path.name}
    # Both hashes are those of a file; a folder has none that anybody could look up.
    if spec.base.path.is_file():
        values["ss_sd_model_hash"] = legacy_hash(spec.base.path)
        if spec.base.sha256:
            values["ss_new_sd_model_hash"] = spec.base.sha256
    return values


def _modelspec(spec: RunSpec, facts: TrainingFacts, finished_at: float) -> Mapping[str, str]:
    recipe = spec.recipe
    values = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": FAMILIES[spec.base.family].architecture,
        "modelspec.implementation": "diffusers",
        "modelspec.title": spec.output_name,
        "modelspec.resolution": f"{recipe.resolution}x{recipe.resolution}",
        "modelspec.date": datetime.fromtimestamp(math.floor(finished_at), UTC).replace(tzinfo=None).isoformat(),
        "modelspec.prediction_type": {"v_prediction": "v"}.get(facts.prediction_type, facts.prediction_type),
        "modelspec.trigger_phrase": spec.trigger,
        "modelspec.tags": ", ".join(word for word in (spec.kind, spec.class_word) if word),
    }
    if spec.comment:
        values["modelspec.description"] = spec.comment
    return values


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
