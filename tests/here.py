"""The library and the models of the test that runs, as its fixtures set the environment."""

from pathlib import Path

from studio.diffusion.pipelines import Pipelines
from studio.library import Library
from studio.models.card import ModelCard
from studio.models.model_index import ModelIndex
from studio.workflow.job import Job
from studio.workflow.resolve import Assets, ResolvedJob, resolve


def library() -> Library:
    return Library.from_environment()


def models() -> ModelIndex:
    return library().models


def card(model: str) -> ModelCard:
    return models().find(model)


def lora(ref: str) -> Path:
    return library().loras.find(ref)


def pipelines(device: str = "cpu", vram: int | None = None) -> Pipelines:
    return Pipelines(library(), device, vram)


def resolved(job: Job) -> ResolvedJob:
    return resolve(job, Assets(library()))
