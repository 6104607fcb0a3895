"""``studio plan``: how a workflow would run in the available memory, without loading anything."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import prod
from typing import Any, Final, NamedTuple

from PIL import Image

from studio import config
from studio.cli.terminal import say
from studio.diffusion.memory.memory_footprint import ModelFootprint
from studio.diffusion.memory.plan import FOUR_BIT_NEEDS, Forecast, MemoryPlan, Storage, plan
from studio.errors import InputError
from studio.library import Library
from studio.models.adapters import Adapters
from studio.models.card import ModelCard
from studio.parameters.conditioning import NO_GUIDE, ControlImage, Guide, ReferenceImage
from studio.parameters.request import Request
from studio.parameters.sampling import Sampling
from studio.parameters.signature import REQUIRED, Parameter, parameters
from studio.parameters.types import ExactSize, Size
from studio.plugins import find, unknown
from studio.workflow.workflow import Workflow

_GB: Final = 2**30
_SOME: Final = 0.05  # of the memory, left free
_ANY: Final = Image.new("RGB", (1, 1))  # stands for any picture, since a plan does not depend on its size
_GUIDES: Final[Mapping[str, Callable[[str, Adapters], Guide]]] = {
    "controlnet": lambda ref, index: Guide(
        controls=(ControlImage(ref, _ANY, adapter=index.find(ref, "controlnet").adapter),)
    ),
    "ip-adapter": lambda ref, _: Guide(references=(ReferenceImage(ref, _ANY),)),
    "vae": lambda ref, _: Guide(vae=ref),
}


class Machine(NamedTuple):
    """A kind of device ("cpu", "cuda") and the bytes that it has for models; ``name`` is for people."""

    kind: str
    memory: int
    name: str


def report(workflow: str, values: Mapping[str, str], vram: str | None) -> bool:
    """Print the plan for each model that a workflow uses; True where all of them fit.

    ``vram`` ("6GB") plans for a GPU of that size, None for this machine. Raises InputError for an invalid workflow,
    value or size.
    """
    library = Library.from_environment()
    loaded = Workflow.load(workflow, library)
    requests: list[tuple[ModelCard, Request]] = []
    for one in _requests(loaded, values, library):
        requests += [one] if one not in requests else []
    machine = _gpu(vram) if vram else _here()
    say(f"{loaded.name} on {machine.name}, {_gb(machine.memory)} for models")
    fits = [
        _report(Forecast(ModelFootprint.of(card), card, request, machine.kind, library.adapters), machine)
        for card, request in requests
    ]
    return all(fits)


def _gpu(vram: str) -> Machine:
    return Machine("cuda", int(config.memory(vram) * (1 - _SOME)), f"a GPU with {vram}")


def _here() -> Machine:
    from studio.tensors import hardware

    settings = config.Settings.from_environment()
    device = hardware.pick_device(settings.device)
    return Machine(device.type, settings.vram or hardware.free_memory(device), hardware.device_name(device))


def _report(forecast: Forecast, machine: Machine) -> bool:
    card, request = forecast.card, forecast.request
    chosen = plan(forecast, config.Settings.from_environment().batch, machine.memory)
    peak = forecast.peak(chosen)
    say("", f"{card.name} ({card.family.title}), {request.width}x{request.height}")
    of_guide = forecast.adapters.weights * forecast.width
    weights = (
        f"weights {_gb(forecast.weights(chosen.storage))}{f' and {_gb(of_guide)} of its guide' if of_guide else ''}"
    )
    say(f"  {weights}, expected peak {_gb(peak)}")
    for line in chosen.lines():
        say(f"  {line}")
    for line in _alternatives(forecast, chosen, machine.memory):
        say(f"  or {line}")
    if peak > machine.memory:
        say("  this does not fit: draw smaller, or take a smaller model")
    return peak <= machine.memory


def _alternatives(forecast: Forecast, chosen: MemoryPlan, memory: int) -> Iterator[str]:
    """What quantising the weights would bring where they do not all stay on the device."""
    if (
        forecast.device != "cuda"
        or forecast.changes_weights
        or (chosen.exact and chosen.placement is forecast.placements()[0])
    ):
        return
    for storage in (Storage.FP8, Storage.FOUR_BIT):
        needs = "" if storage in forecast.storages else f", with {FOUR_BIT_NEEDS} installed"
        if (peak := forecast.peak(MemoryPlan(storage=storage))) <= memory:
            yield f"{storage.value}, all on the device: {_gb(peak)}, pictures change a little{needs}"


def _requests(workflow: Workflow, values: Mapping[str, str], library: Library) -> Iterator[tuple[ModelCard, Request]]:
    """The model of each step that has one, with the largest request to it."""
    inputs, guides = _inputs(workflow, values), dict[str, Guide]()
    shared = {name: inputs.get(workflow.source(name)) for name in workflow.definition.inputs}
    for step in workflow.steps():
        known, fixed = parameters(find("steps", workflow.uses(step)).run), workflow.fixed(step, shared)
        arguments = {name: inputs.get((step, name), fixed.get(name, p.default)) for name, p in known.items()}
        kinds = [(p.kind.name, arguments[name]) for name, p in known.items() if arguments[name] not in (None, REQUIRED)]
        guides[f"${step}"] = guide = _guide(kinds, guides, library.adapters)
        for ref in (ref for kind, ref in kinds if kind == "model"):
            card = library.models.find(str(ref))
            yield card, _request(card, guide, known, arguments)


def _guide(arguments: Iterable[tuple[str, Any]], earlier: Mapping[str, Guide], index: Adapters) -> Guide:
    """The guide that a step passes on, as far as it takes memory: adapters by their kinds."""
    guide = NO_GUIDE
    for kind, value in arguments:
        guide += earlier.get(value, NO_GUIDE) if kind == "guide" else NO_GUIDE
        guide += _GUIDES[kind](value, index) if kind in _GUIDES else NO_GUIDE
    return guide


def _request(card: ModelCard, guide: Guide, known: Mapping[str, Parameter], arguments: Mapping[str, Any]) -> Request:
    """A step's request; without a size, at the model's own."""
    size, guidance = ([known[name].check(one) for one in _values(arguments.get(name))] for name in ("size", "guidance"))
    drawn = [one for one in size if isinstance(one, Size) and not isinstance(one, ExactSize)]
    sampling = Sampling(steps=1, guidance=max(guidance, default=None), guide=guide)
    return card.request("", sampling, max(drawn, key=prod, default=None))


def _values(value: Any) -> list[Any]:
    """The values of an input: all of a list, and none where it has no value."""
    return value if isinstance(value, list) else [] if value in (None, REQUIRED) else [value]


def _inputs(workflow: Workflow, values: Mapping[str, str]) -> dict[tuple[str, str], Any]:
    """Each input's value or default by its step and parameter; required inputs may be left out."""
    inputs = workflow.inputs()
    if strange := next((name for name in values if name not in inputs), None):
        raise InputError(unknown("input", strange, inputs))
    try:
        bound = {name: p.check(values[name]) if name in values else p.default for name, p in inputs.items()}
    except ValueError as error:
        raise InputError(str(error)) from None
    return {workflow.source(name): value for name, value in bound.items()}


def _gb(size: int) -> str:
    return f"{size / _GB:.2f} GB"
