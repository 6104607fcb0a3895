"""The LoRAs there are, as the control on every surface shows them: which fit, and what is known of each."""

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
    "No LoRA is here yet. Put its .safetensors file into the folder of parts, "
    "or name the folder of another program: studio models add FOLDER"
)


class Shown(NamedTuple):
    """A LoRA on the shelf: plain JSON, and the file of its preview."""

    about: dict[str, Any]
    preview: Path | None


def shown(model: str, library: Library) -> list[Shown]:
    """Every LoRA; first those that fit the model of that name, of the others ``problem`` says why they do not."""
    fitting = _model(model, library)
    every = [_shown(card, card.fits(fitting) if fitting else "") for card in library.loras.cards().values()]
    return sorted(every, key=lambda one: bool(one.about["problem"]))


def preview(name: str, library: Library) -> Path | None:
    """The file of the preview that lies with a LoRA, by the LoRA's name alone."""
    card = library.loras.cards().get(name)
    return card.preview if card else None


def _shown(card: LoraCard, problem: str) -> Shown:
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
    return Shown(about, card.preview)


def _base(card: LoraCard) -> str:
    """The kind of model it is for, and the very one, as far as somebody says so."""
    family = find("families", card.family).FAMILY.title if card.family else ""
    return ", ".join(filter(None, [family, card.base]))


def _model(name: str, library: Library) -> ModelCard | None:
    try:
        return library.models.find(name) if name else None
    except StudioError:  # said where the model is chosen
        return None


class Joined(NamedTuple):
    """The inputs that a control for LoRAs works with, "" where there is none.

    ``model`` is the input whose model the LoRAs must fit, ``prompt`` the one that takes their trigger words.
    ``own`` is the model that is used where nobody chooses one.
    """

    model: str
    prompt: str
    own: str


def joined(workflow: Workflow, name: str) -> Joined:
    """What belongs to the input ``name`` of a workflow; the prompt of its own step before the workflow's."""
    asked = controls(workflow)
    models = [control.name for control in asked if control.kind == "model"]
    prompts = [one for one in workflow.definition.inputs if workflow.source(one)[1] == "prompt"]
    beside = [one for one in prompts if workflow.source(one)[0] == workflow.source(name)[0]]
    prompts = [*beside, *(one for one in prompts if one == "prompt"), *prompts]
    return Joined(next(iter(models), ""), next(iter(prompts), ""), next(_models(workflow), ""))


def _models(workflow: Workflow) -> Iterator[str]:
    """The models its steps are given: as the workflow fixes them, or their defaults."""
    inputs = {name: parameter.default for name, parameter in workflow.inputs().items()}
    exposed = {workflow.source(name): default for name, default in inputs.items()}
    for step in workflow.steps():
        fixed = workflow.fixed(step, inputs)
        for key, parameter in parameters(find("steps", workflow.uses(step)).run).items():
            value = exposed.get((step, key), fixed.get(key, parameter.default))
            if parameter.kind.name == "model" and isinstance(value, str):
                yield value
