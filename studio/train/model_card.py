"""What is said of a trained LoRA, in its file and on its card: nothing of the machine or its user.

ModelSpec 1.0.1 (https://github.com/Stability-AI/ModelSpec), and of kohya's ``ss_`` those that are facts here: no
folders, no captions, no tags, which may be a client's.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from studio.runtime.duration import duration
from studio.train.config import Course
from studio.train.dataset import Example
from studio.train.model import Pupil
from studio.train.trainer_state import Diary
from studio.train.training_targets import SNR
from studio.version import VERSION

_PREDICTIONS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "sample"}


def metadata(course: Course, pupil: Pupil, diary: Diary, examples: Sequence[Example], tensors: str) -> dict[str, str]:
    """A file's ``__metadata__``; ``tensors`` is the SHA-256 of its tensors alone."""
    told = _modelspec(course, pupil, tensors) | _facts(course, pupil, diary, examples, tensors)
    return {name: str(value) for name, value in told.items() if value not in ("", None)}


def readme(course: Course, pupil: Pupil, diary: Diary, examples: Sequence[Example]) -> str:
    """The model card: what it is, how to use it, whose licence counts, how it was made."""
    return "\n".join([*_front(course, pupil), *_use(course, pupil), *_made(pupil, diary, examples)]) + "\n"


def _modelspec(course: Course, pupil: Pupil, tensors: str) -> dict[str, Any]:
    size, scheduler = pupil.settled.size, _scheduler(pupil)
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{pupil.how.modelspec_architecture}/lora",
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.title": course.title or course.name,
        "modelspec.description": f"A LoRA for {pupil.card.name} ({pupil.card.family.title}), by the studio {VERSION}",
        "modelspec.resolution": f"{size.width}x{size.height}",
        "modelspec.date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "modelspec.hash_sha256": f"0x{tensors}",
        "modelspec.license": course.licence,
        "modelspec.trigger_phrase": course.trigger,
        "modelspec.usage_hint": _hint(course),
        "modelspec.prediction_type": _PREDICTIONS.get(scheduler.config.get("prediction_type"), ""),
    }


def _facts(course: Course, pupil: Pupil, diary: Diary, examples: Sequence[Example], tensors: str) -> dict[str, Any]:
    settled, size, predicts = pupil.settled, pupil.settled.size, _scheduler(pupil).config.get("prediction_type")
    each = settled.batch * settled.accumulate
    return {
        "ss_output_name": course.name,
        "ss_base_model_version": pupil.how.kohya_base_version,
        "ss_sd_model_name": pupil.card.name,
        "ss_new_sd_model_hash": pupil.card.sha256(),
        "ss_v2": pupil.how.kohya_base_version.startswith("sd_v2"),
        "ss_network_module": "networks.lora" if pupil.how.kohya_keys else "peft",
        "ss_network_dim": settled.rank,
        "ss_network_alpha": f"{settled.alpha:g}",
        "ss_resolution": f"({size.width}, {size.height})",
        "ss_num_train_images": len(examples),
        "ss_steps": diary.step,
        "ss_max_train_steps": settled.steps,
        "ss_num_epochs": -(-diary.seen // len(examples)),
        "ss_total_batch_size": each,
        "ss_gradient_accumulation_steps": settled.accumulate,
        "ss_gradient_checkpointing": settled.checkpointing,
        "ss_learning_rate": f"{settled.rate:g}",
        "ss_unet_lr": f"{settled.rate:g}",
        "ss_optimizer": "torch.optim.adamw.AdamW",
        "ss_mixed_precision": settled.precision,
        "ss_seed": settled.seed,
        "ss_min_snr_gamma": f"{SNR:g}" if predicts == "epsilon" else "",
        "sshs_model_hash": tensors,
    }


def _scheduler(pupil: Pupil) -> Any:
    return pupil.engine.pipelines.get(pupil.card, "text-to-image").scheduler


def _hint(course: Course) -> str:
    return f"wants '{course.trigger}' in the prompt" if course.trigger else "needs no word of its own in the prompt"


def _front(course: Course, pupil: Pupil) -> list[str]:
    return [
        "---",
        *([f"license: {course.licence}"] if course.licence else []),
        f"base_model: {pupil.card.name}",
        "base_model_relation: adapter",
        "tags: [lora, text-to-image]",
        *([f"instance_prompt: {course.trigger}"] if course.trigger else []),
        "---",
        "",
        f"# {course.title or course.name}",
        "",
        f"A LoRA for **{pupil.card.name}** ({pupil.card.family.title}).",
        "",
        f"![What it draws](../{course.name}.png)",
        "",
    ]


def _use(course: Course, pupil: Pupil) -> list[str]:
    begin = f"{course.trigger}, " if course.trigger else ""
    return [
        "## Use",
        "",
        f"In the studio: `<lora:{course.name}:1>` in a prompt, or choose it among the LoRAs; it {_hint(course)}.",
        "",
        "With diffusers:",
        "",
        "```python",
        f'pipeline.load_lora_weights(".", weight_name="{course.name}.safetensors")',
        f'pipeline("{begin}…").images[0]',
        "```",
        "",
        "## Licence",
        "",
        f"The base's own card claims: {pupil.card.licence}. Its terms count for this LoRA too.",
        f"For the LoRA itself: {course.licence or 'not stated'}.",
        "",
    ]


def _made(pupil: Pupil, diary: Diary, examples: Sequence[Example]) -> list[str]:
    settled, progress = pupil.settled, diary.progress()
    return [
        "## How it was made",
        "",
        f"{len(examples)} pictures, {settled.steps} steps of {settled.batch * settled.accumulate}, "
        f"{diary.seen} pictures seen; rank {settled.rank}, alpha {settled.alpha:g}, learning rate {settled.rate:g}, "
        f"computed in {'full precision' if settled.precision == 'no' else settled.precision}, seed {settled.seed}.",
        f"It took {duration(progress.seconds)} and {progress.cost}.",
    ]
