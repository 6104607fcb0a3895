"""The LoRAs to choose from: which of them fit a model, and what is known of each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from studio.errors import StudioError
from studio.library import Library
from studio.lora.library.card import LoraCard
from studio.models.card import ModelCard
from studio.parameters.signature import parameters
from studio.plugins import find
from studio.ui.controls import controls
from studio.workflow.workflow import Workflow

EMPTY: Final = (
    "No LoRAs yet. Put a .safetensors file into the folder that 'studio doctor' shows as parts, "
    "or add the folder of another program: studio models add FOLDER"
)


class LoraOption(NamedTuple):
    """A LoRA to choose: its card as JSON, and the file of its preview."""

    about: dict[str, Any]
    preview: Path | None


def options(model: str, library: Library) -> list[LoraOption]:
    """All LoRAs, those that fit the model first; ``problem`` says why the others do not fit."""
    fitting = _model(model, library)
    every = [_option(card, card.fits(fitting) if fitting else "") for card in library.loras.cards().values()]
    return sorted(every, key=lambda one: bool(one.about["problem"]))


def preview(name: str, library: Library) -> Path | None:
    """The preview file of a LoRA, by the LoRA's name."""
    card = library.loras.cards().get(name)
    return card.preview if card else None


def _option(card: LoraCard, problem: str) -> LoraOption:
    about = {
        "name": card.name,
        "title": card.title,
        "base": _base(card),
        "weight": card.weight,
        "triggers": list(card.triggers),
        "licence": list(dict.fromkeys(claim.text for claim in card.licence)),
        "preview": card.preview is not None,
        "problem": problem,
    }
    return LoraOption(about, card.preview)


def _base(card: LoraCard) -> str:
    """The model family, and the base model if the LoRA names one."""
    family = find("families", card.family).FAMILY.title if card.family else ""
    return ", ".join(filter(None, [family, card.base]))


def _model(name: str, library: Library) -> ModelCard | None:
    try:
        return library.models.find(name) if name else None
    except StudioError:  # the model's own field shows the error
        return None


class LoraControlInputs(NamedTuple):
    """The inputs that a LoRA control depends on, "" if there is none.

    ``model`` is the input whose model the LoRAs must fit, ``prompt`` the one that takes their trigger words.
    ``default_model`` is used if no model is chosen.
    """

    model: str
    prompt: str
    default_model: str


def lora_inputs(workflow: Workflow, name: str) -> LoraControlInputs:
    """The inputs that belong to the LoRA input ``name``; the prompt of its own step comes before the workflow's."""
    models = [control.name for control in controls(workflow) if control.kind == "model"]
    prompts = [one for one in workflow.definition.inputs if workflow.source(one)[1] == "prompt"]
    same_step = [one for one in prompts if workflow.source(one)[0] == workflow.source(name)[0]]
    prompts = [*same_step, *(one for one in prompts if one == "prompt"), *prompts]
    return LoraControlInputs(next(iter(models), ""), next(iter(prompts), ""), next(_models(workflow), ""))


def _models(workflow: Workflow) -> Iterator[str]:
    """The models of the workflow's steps: fixed by the workflow, or their defaults."""
    inputs = {name: parameter.default for name, parameter in workflow.inputs().items()}
    exposed = {workflow.source(name): default for name, default in inputs.items()}
    for step in workflow.steps():
        fixed = workflow.fixed(step, inputs)
        for key, parameter in parameters(find("steps", workflow.uses(step)).run).items():
            value = exposed.get((step, key), fixed.get(key, parameter.default))
            if parameter.kind.name == "model" and isinstance(value, str):
                yield value
