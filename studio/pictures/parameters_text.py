"""Writes the ``parameters`` text of our pictures, for A1111, Forge, Civitai and most viewers.

LoRAs are part of the prompt. "Lora hashes" holds the hashes that Civitai calls AutoV3, "Model hash" and "Hashes" the
files' AutoV2.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from studio.parameters.sampler_names import in_two
from studio.parameters.types import OWN_SAMPLER
from studio.pictures import a1111_keys as keys
from studio.pictures import clip_skip
from studio.pictures.infotext import format_infotext
from studio.prompts.lora import Lora
from studio.workflow.job import Job

_OWN: Final = {
    "EulerDiscrete": "Euler", "EulerAncestralDiscrete": "Euler a", "FlowMatchEulerDiscrete": "Euler", "PNDM": "PLMS",
    "DPMSolverMultistep": "DPM++ 2M", "UniPCMultistep": "UniPC", "LMSDiscrete": "LMS", "HeunDiscrete": "Heun",
}  # fmt: skip
_ESCAPED: Final = str.maketrans({":": r"\u003a", "}": r"\u007d", "{": r"\u007b"})


def write(job: Job, facts: Mapping[str, Any]) -> str:
    """The text for one of our pictures; ``facts`` is its record without the job.

    A1111 truncates "Hashes", where Civitai looks for resources. So it comes last, and no key can be read inside it by
    mistake.
    """
    prompt = " ".join([facts["prompt"], *map(_tag, job.loras())])
    settings = {key: value for key, value in _settings(job, facts) if value not in (None, "")}
    text = format_infotext(prompt, job.value("negative_prompt") or "", settings)
    return f"{text}, {keys.HASHES}: {hashes}" if (hashes := _hashes(facts)) else text


def _settings(job: Job, facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    model, about = next(iter(facts["models"].items()), (None, dict[str, Any]()))
    sampler, schedule = _sampler(job.value("sampler"), about.get("sampler", ""))
    large = _enlarged(job)
    yield from ((keys.STEPS, job.value("steps")), (keys.SAMPLER, sampler), (keys.SCHEDULE_TYPE, schedule))
    yield from ((keys.CFG_SCALE, job.value("guidance")), (keys.SEED, job.seed))
    yield keys.SIZE, job.value("size") or _smaller(facts["size"], large) if large else facts["size"]
    yield from ((keys.MODEL_HASH, _file_hash(about)), (keys.MODEL, model))
    yield from ((keys.CLIP_SKIP, _clip_skip(job, about)), (keys.DENOISING_STRENGTH, job.value("strength")))
    if eta_key := keys.ETA_OF.get(sampler):
        yield eta_key, job.value("eta")
    yield from ((keys.HIRES_UPSCALE, large), (keys.HIRES_UPSCALER, "Lanczos" if large else ""))
    yield keys.RNG, "CPU"
    loras = facts.get("loras", {}).items()
    yield keys.LORA_HASHES, ", ".join(f"{_file(lora).replace(',', '')}: {of['tensors'][:12]}" for lora, of in loras)
    yield keys.VERSION, f"studio {facts['studio']}"


def _sampler(name: str | None, own: str) -> tuple[str, str]:
    """Sampler and schedule type as A1111 names them; for the model's own scheduler the closest one."""
    if name == OWN_SAMPLER:
        return _OWN.get(own, own), ""
    return in_two(name) if name else ("", "")


def _clip_skip(job: Job, about: Mapping[str, Any]) -> int | None:
    """Clip skip as A1111 and Forge count it for the model's family; None for the layer that the model was trained with.

    Also None for a family that they do not know.
    """
    if (skip := job.value("clip_skip") or 1) > 1:
        with suppress(ValueError):
            return clip_skip.from_studio(skip, "studio", about["family"])
    return None


def _enlarged(job: Job) -> float | None:
    """How many times larger a second pass makes the picture; None without a second pass."""
    second = any(step.get("use") == "hires" for step in job.definition["steps"].values())
    return float(job.value("factor") or 2) if second else None


def _smaller(size: str, factor: float) -> str:
    return "x".join(str(round(int(side) / factor)) for side in size.split("x"))


def _hashes(facts: Mapping[str, Any]) -> str:
    """The beginnings of the files' SHA-256 by kind and name, as JSON; names contain no colon or brace."""
    models = list(filter(None, map(_file_hash, facts["models"].values())))
    found = dict(zip(["model"], models, strict=False))
    found |= {f"lora:{_file(lora)}": of["file"][:10] for lora, of in facts.get("loras", {}).items() if "file" in of}
    pairs = (f"{json.dumps(name).translate(_ESCAPED)}:{json.dumps(sha256)}" for name, sha256 in found.items())
    return f"{{{','.join(pairs)}}}" if found else ""


def _file_hash(about: Mapping[str, Any]) -> str:
    """Civitai's AutoV2 of a model that is one file; "" for a folder."""
    return str(about.get("files", {}).get("", ""))[:10]


def _tag(lora: Lora) -> str:
    weights = [lora.weight] if lora.text is None else [lora.text, lora.weight]
    return f"<lora:{_file(lora.part)}:{':'.join(f'{weight:g}' for weight in weights)}>"


def _file(lora: str) -> str:
    """A LoRA's name there: its file name."""
    return PurePath(lora).name.removesuffix(".safetensors")
