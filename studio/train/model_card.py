"""The metadata and the model card of a trained LoRA, without anything about the machine or its user.

The keys are ModelSpec 1.0.1 (https://github.com/Stability-AI/ModelSpec) and those of kohya's ``ss_`` that apply: no
folders, no captions, no tags, which may be a client's.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from studio.runtime.duration import duration
from studio.train.config import TrainingConfig
from studio.train.dataset import Example
from studio.train.model import TrainingModel
from studio.train.trainer_state import TrainerState
from studio.train.training_targets import SNR
from studio.version import VERSION

_PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "sample"}


def metadata(
    config: TrainingConfig, model: TrainingModel, state: TrainerState, examples: Sequence[Example], tensors: str
) -> dict[str, str]:
    """A file's ``__metadata__``; ``tensors`` is the SHA-256 of its tensors alone."""
    values = _modelspec(config, model, tensors) | _facts(config, model, state, examples, tensors)
    return {name: str(value) for name, value in values.items() if value not in ("", None)}


def readme(config: TrainingConfig, model: TrainingModel, state: TrainerState, examples: Sequence[Example]) -> str:
    """The model card: what it is, how to use it, which licence applies, how it was made."""
    return "\n".join([*_front(config, model), *_use(config, model), *_made(model, state, examples)]) + "\n"


def _modelspec(config: TrainingConfig, model: TrainingModel, tensors: str) -> dict[str, Any]:
    size, scheduler = model.hyper.size, _scheduler(model)
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{model.training.modelspec_architecture}/lora",
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.title": config.title or config.name,
        "modelspec.description": f"A LoRA for {model.card.name} ({model.card.family.title}), by the studio {VERSION}",
        "modelspec.resolution": f"{size.width}x{size.height}",
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "modelspec.hash_sha256": f"0x{tensors}",
        "modelspec.license": config.licence,
        "modelspec.trigger_phrase": config.trigger,
        "modelspec.usage_hint": _hint(config),
        "modelspec.prediction_type": _PREDICTIONS.get(scheduler.config.get("prediction_type"), ""),
    }


def _facts(
    config: TrainingConfig, model: TrainingModel, state: TrainerState, examples: Sequence[Example], tensors: str
) -> dict[str, Any]:
    hyper, size, predicts = model.hyper, model.hyper.size, _scheduler(model).config.get("prediction_type")
    each = hyper.batch * hyper.accumulate
    return {
        "ss_output_name": config.name,
        "ss_base_model_version": model.training.kohya_base_version,
        "ss_sd_model_name": model.card.name,
        "ss_new_sd_model_hash": model.card.sha256(),
        "ss_v2": model.training.kohya_base_version.startswith("sd_v2"),
        "ss_network_module": "networks.lora" if model.training.kohya_keys else "peft",
        "ss_network_dim": hyper.rank,
        "ss_network_alpha": f"{hyper.alpha:g}",
        "ss_resolution": f"({size.width}, {size.height})",
        "ss_num_train_images": len(examples),
        "ss_steps": state.step,
        "ss_max_train_steps": hyper.steps,
        "ss_num_epochs": -(-state.seen // len(examples)),
        "ss_total_batch_size": each,
        "ss_gradient_accumulation_steps": hyper.accumulate,
        "ss_gradient_checkpointing": hyper.checkpointing,
        "ss_learning_rate": f"{hyper.rate:g}",
        "ss_unet_lr": f"{hyper.rate:g}",
        "ss_optimizer": "torch.optim.adamw.AdamW",
        "ss_mixed_precision": hyper.precision,
        "ss_seed": hyper.seed,
        "ss_min_snr_gamma": f"{SNR:g}" if predicts == "epsilon" else "",
        "sshs_model_hash": tensors,
    }


def _scheduler(model: TrainingModel) -> Any:
    return model.engine.pipelines.get(model.card, "text-to-image").scheduler


def _hint(config: TrainingConfig) -> str:
    return f"wants '{config.trigger}' in the prompt" if config.trigger else "needs no word of its own in the prompt"


def _front(config: TrainingConfig, model: TrainingModel) -> list[str]:
    return [
        "---",
        *([f"license: {config.licence}"] if config.licence else []),
        f"base_model: {model.card.name}",
        "base_model_relation: adapter",
        "tags: [lora, text-to-image]",
        *([f"instance_prompt: {config.trigger}"] if config.trigger else []),
        "---",
        "",
        f"# {config.title or config.name}",
        "",
        f"A LoRA for **{model.card.name}** ({model.card.family.title}).",
        "",
        f"![What it draws](../{config.name}.png)",
        "",
    ]


def _use(config: TrainingConfig, model: TrainingModel) -> list[str]:
    begin = f"{config.trigger}, " if config.trigger else ""
    return [
        "## Use",
        "",
        f"In the studio: `<lora:{config.name}:1>` in a prompt, or choose it among the LoRAs; it {_hint(config)}.",
        "",
        "With diffusers:",
        "",
        "```python",
        f'pipeline.load_lora_weights(".", weight_name="{config.name}.safetensors")',
        f'pipeline("{begin}…").images[0]',
        "```",
        "",
        "## Licence",
        "",
        f"The base model's own card claims: {model.card.licence}. Its terms apply to this LoRA too.",
        f"For the LoRA itself: {config.licence or 'not stated'}.",
        "",
    ]


def _made(model: TrainingModel, state: TrainerState, examples: Sequence[Example]) -> list[str]:
    hyper, progress = model.hyper, state.progress()
    return [
        "## How it was made",
        "",
        f"{len(examples)} pictures, {hyper.steps} steps of {hyper.batch * hyper.accumulate}, "
        f"{state.seen} pictures seen; rank {hyper.rank}, alpha {hyper.alpha:g}, learning rate {hyper.rate:g}, "
        f"computed in {'full precision' if hyper.precision == 'no' else hyper.precision}, seed {hyper.seed}.",
        f"It took {duration(progress.seconds)} and {progress.cost}.",
    ]
