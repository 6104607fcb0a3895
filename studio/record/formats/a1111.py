"""The ``parameters`` text that A1111, Forge, Civitai and most viewers read.

Grammar as those tools parse it: the prompt, ``Negative prompt: …``, then one last line of
``Key: value`` pairs; a value with a comma, a colon or a line break is written as JSON. LoRAs stand in the prompt,
with what Civitai calls their AutoV3 under ``Lora hashes``.
"""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from studio.job import Job
from studio.kinds import OWN_SAMPLER

_KEYS = {"steps": "Steps", "sampler": "Sampler", "guidance": "CFG scale", "strength": "Denoising strength"}


def write(job: Job, facts: Mapping[str, Any]) -> str:
    """The text for one picture; ``facts`` are what its file says besides the job."""
    lines = [" ".join([facts["prompt"], *(f"<lora:{_file(lora.part)}:{lora.weight:g}>" for lora in job.loras())])]
    if negative := job.value("negative_prompt"):
        lines.append(f"Negative prompt: {negative}")
    return "\n".join([*lines, ", ".join(f"{key}: {_quoted(value)}" for key, value in _pairs(job, facts).items())])


def _pairs(job: Job, facts: Mapping[str, Any]) -> dict[str, Any]:
    pairs = {label: job.value(name) for name, label in _KEYS.items() if job.value(name) is not None}
    if (skip := job.value("clip_skip") or 1) > 1:  # A1111 leaves out a 1
        pairs["Clip skip"] = skip
    for model, about in facts["models"].items():
        pairs |= {"Model": model}
        if pairs.get("Sampler") == OWN_SAMPLER:
            pairs["Sampler"] = about["sampler"]
    if hashes := ", ".join(f"{_file(lora)}: {of['tensors'][:12]}" for lora, of in facts.get("loras", {}).items()):
        pairs["Lora hashes"] = hashes
    return pairs | {"Seed": job.seed, "Size": facts["size"], "Version": f"studio {facts['studio']}"}


def _file(lora: str) -> str:
    """How a LoRA is called there: by its file alone."""
    return PurePath(lora).name.removesuffix(".safetensors")


def _quoted(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if any(c in text for c in ',:\n"') else text
