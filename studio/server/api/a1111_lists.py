"""Lists of models, samplers, VAEs and so on, in the format of A1111 and Forge; unsupported kinds are empty."""

from typing import Any

from fastapi import APIRouter

from studio.parameters.sampler_names import NAMES, SCHEDULES
from studio.parameters.types import OWN_SAMPLER
from studio.server.api.jobs import Served

router = APIRouter(prefix="/sdapi/v1", tags=["AUTOMATIC1111"])


@router.get("/sd-models")
def models(session: Served) -> list[dict[str, Any]]:
    """The models."""
    return [
        {"title": n, "model_name": n, "hash": None, "sha256": None, "filename": n, "config": None}
        for n in session.library.models.names()
    ]


@router.get("/loras")
def loras(session: Served) -> list[dict[str, Any]]:
    """The LoRAs, for use in a prompt as <lora:NAME:WEIGHT>."""
    return [{"name": name, "alias": name, "path": name, "metadata": {}} for name in session.library.loras.names()]


@router.get("/samplers")
def samplers() -> list[dict[str, Any]]:
    """The samplers."""
    return [{"name": name, "aliases": [], "options": {}} for name in NAMES if name != OWN_SAMPLER]


@router.get("/schedulers")
def schedulers() -> list[dict[str, Any]]:
    """The schedules. Not every sampler supports each: ``samplers`` lists the combinations."""
    return [
        {"name": name, "label": label, "aliases": [], "default_rho": -1.0, "need_inner_model": False}
        for name, label in SCHEDULES.items()
    ]


@router.get("/upscalers")
def upscalers() -> list[dict[str, Any]]:
    """The upscalers before a second pass."""
    return [
        {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": scale}
        for name, scale in (("None", 1.0), ("Lanczos", 4.0))
    ]


@router.get("/sd-vae")
@router.get("/sd-modules")
def vaes(session: Served) -> list[dict[str, Any]]:
    """The installed VAEs, for use as ``override_settings.sd_vae``."""
    return [{"model_name": name, "filename": name} for name in session.library.adapters.names("vae")]


@router.get("/embeddings")
def embeddings() -> dict[str, Any]:
    """None: textual inversion embeddings are inputs of a workflow's step, not words in a prompt."""
    return {"loaded": {}, "skipped": {}}


@router.get("/scripts")
def scripts() -> dict[str, list[str]]:
    """None."""
    return {"txt2img": [], "img2img": []}


@router.get("/latent-upscale-modes")
@router.get("/hypernetworks")
@router.get("/face-restorers")
@router.get("/realesrgan-models")
@router.get("/prompt-styles")
@router.get("/script-info")
def nothing() -> list[Any]:
    """None."""
    return []


@router.get("/cmd-flags")
def flags() -> dict[str, Any]:
    """The flags of A1111 that correspond to this server."""
    return {"api": True, "listen": False, "share": False, "nowebui": False, "api_auth": None, "subpath": None}


@router.get("/memory")
def memory() -> dict[str, Any]:
    """Memory of the machine and of the GPU, in bytes."""
    import psutil

    machine = psutil.virtual_memory()
    ram = {"free": machine.available, "used": machine.total - machine.available, "total": machine.total}
    return {"ram": ram, "cuda": _gpu()}


def _gpu() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {"error": "there is no CUDA GPU"}
    free, total = torch.cuda.mem_get_info()
    system = {"free": free, "used": total - free, "total": total}
    held = {"current": torch.cuda.memory_allocated(), "peak": torch.cuda.max_memory_allocated()}
    return {"system": system, "active": held, "allocated": held, "reserved": held, "inactive": held, "events": {}}


@router.post("/refresh-checkpoints")
@router.post("/refresh-loras")
@router.post("/refresh-vae")
def refresh() -> None:
    """Nothing to do: new files are listed at once."""
