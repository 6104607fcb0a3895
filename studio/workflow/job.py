"""A job: what was asked, as plain JSON that crosses queues, networks and picture files unchanged."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from inspect import signature
from math import prod
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.errors import InputError, reason
from studio.files import strict_json
from studio.files.untrusted import open_file
from studio.library import Library
from studio.parameters.signature import REQUIRED, parameters, problem
from studio.parameters.types import Count, Seed
from studio.plugins import find
from studio.prompts import grammar, wildcards
from studio.prompts.lora import Lora
from studio.prompts.wildcards import Line
from studio.workflow import asset_refs
from studio.workflow.workflow import Workflow, bind

_SEEDS, _MOST = 2**32, 10_000


class Job(BaseModel):
    """A workflow with values, a resolved seed, and the hashes of what it rests on.

    ``definition`` is the whole workflow, so that a job runs where the file is not. ``pins`` maps
    "model:NAME", "lora:NAME", "controlnet:NAME" (and other parts) and "picture:INPUT" to SHA-256 hashes; of the LoRAs
    in prompts that are still to be drawn, those that any picture may name.
    ``draws`` names the prompts that hold wildcards and ``wildcards`` the lines of their files, "wildcard_seed" among
    the values draws them; a picture's own job has its words drawn and holds none of this.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    workflow: str = Field(max_length=200)
    definition: dict[str, Any]
    values: dict[str, Any]
    seed: Seed
    count: Count = 1
    pins: dict[str, str] = {}
    draws: tuple[str, ...] = ()
    wildcards: dict[str, tuple[Line, ...]] = {}

    @classmethod
    def of(cls, workflow: Workflow, values: Mapping[str, Any], library: Library | None = None) -> "Job":
        """The job for these values; draws the seed where none is given.

        Steps and guidance that are left open become what suits the model, so that the job says them. What the values
        name is looked up in ``library``; without one, in that of the environment.

        Raises InputError that says which input is wrong and why.
        """
        return Jobs(workflow, library or Library.from_environment()).of(values)

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Read a job back; raises InputError where it is none."""
        try:
            return cls.from_data(strict_json.loads(text))
        except ValueError as error:
            raise InputError(f"this is not a job the studio can read: {error}") from None

    @classmethod
    def from_data(cls, data: Any) -> "Job":
        """The job in plain JSON; raises InputError where it is none."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise InputError(f"this is not a job the studio can read: {problem(error)}") from None

    def with_values(self, values: Mapping[str, Any], library: Library | None = None) -> "Job":
        """This job with some inputs changed, resting on what is there now; ``library`` is as in ``of``."""
        library = library or Library.from_environment()
        workflow = Workflow.of(self.workflow, self.definition, library)
        return Job.of(workflow, {**self.values, "seed": self.seed, "count": self.count, **values}, library)

    def with_wildcards(self, library: Library) -> "Job":
        """This job with the wildcard files that its prompts name, and the LoRAs that are drawn, from now on its own.

        Raises InputError for one that is not there, and for what cannot be drawn.
        """
        if not self.draws:
            return self
        texts = [text for name in self.draws for text in _texts(self.values[name])]
        job = self.model_copy(update={"wildcards": self.wildcards or wildcards.load(library.wildcards, texts)})
        pins = dict(job.pins)
        for ref in sorted(job._drawn_loras() - set(job.rests_on("lora"))):
            library.check_name("lora", ref)  # a prompt may come from anywhere, and what it draws gives no path
            pins[f"lora:{ref}"] = library.sha256("lora", ref)
        return job.model_copy(update={"pins": pins})

    @property
    def key(self) -> str:
        """SHA-256 of all it says: two jobs with one key make the same pictures. So a file's record, which holds its
        job, tells whether a job was done, whatever the file is called."""
        plain = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()

    @property
    def total(self) -> int:
        """How many pictures it makes: one for each seed and each combination of the lists' values."""
        return self.count * prod(map(len, self.lists().values()))

    def lists(self) -> dict[str, list[Any]]:
        """The values of the inputs that take a list, in the workflow's order."""
        inputs = self.definition.get("inputs", {}).items()
        return {name: self.values[name] for name, spec in inputs if isinstance(spec, dict) and spec.get("each")}

    def value(self, name: str) -> Any:
        """An input's value, None where there is none; of a list the first, a picture's own job has no other."""
        value = self.values.get(name)
        return value[0] if name in self.lists() and value else value

    def models(self) -> list[str]:
        """The names of the models it rests on."""
        return self.rests_on("model")

    def rests_on(self, kind: str) -> list[str]:
        """The names of what it is pinned to of a kind: "model", "lora", "controlnet" …"""
        return [name.partition(":")[2] for name in self.pins if name.startswith(f"{kind}:")]

    def loras(self) -> list[Lora]:
        """The LoRAs that its steps are given, for the picture or for an area, besides those in its prompts."""
        if not self.rests_on("lora"):
            return []
        asked = _parameters(Workflow(self.workflow, self.definition), self.values)
        return [lora for kind, value in asked if kind == "loras" for lora in asset_refs.loras(kind, value)]

    def seeds(self) -> list[int]:
        """``count`` seeds: the job's own, and those that follow it."""
        return [(self.seed + n) % _SEEDS for n in range(self.count)]

    def alone(self, n: int) -> "Job":
        """The job that makes only picture ``n`` (from 0) of this one.

        All combinations come with the first seed, the last list turning fastest, then all with the next.
        Wildcards are drawn by the wildcard seed, the same in each picture, or by the picture's seed alone, so that
        one seed says the same in each combination.
        """
        turn, lists = n // (self.total // self.count), self.lists()
        values = {name: value for name, value in self.values.items() if name != "wildcard_seed"}
        for name in reversed(lists):
            n, at = divmod(n, len(lists[name]))
            values[name] = [lists[name][at]]
        lot = self._lots()[turn]
        values |= {name: self._drawn(name, values[name], lot) for name in self.draws}
        alone = {"seed": self.seeds()[turn], "count": 1, "values": values, "draws": (), "wildcards": {}}
        return self.model_copy(update=alone | {"pins": self._pins_of(values)})

    def _lots(self) -> list[int]:
        """What draws the words of each seed's pictures."""
        fixed = self.values.get("wildcard_seed")
        return self.seeds() if fixed is None else [fixed] * self.count

    def _drawn(self, name: str, value: Any, lot: int) -> Any:
        drawn = [wildcards.expanded(text, self.wildcards, f"{name} {lot}") for text in _texts(value)]
        return drawn if isinstance(value, list) else drawn[0]

    def _drawn_loras(self) -> set[str]:
        """The LoRAs that the drawn prompts of all pictures name."""
        lots = dict.fromkeys(self._lots())
        drawn = (self._drawn(name, self.values[name], lot) for name in self.draws for lot in lots)
        return {lora.part for value in drawn for lora in asset_refs.loras("prompt", value)}

    def _pins_of(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The pins, but of LoRAs only those that the values name, whose prompts are drawn."""
        if not self.draws or not self.rests_on("lora"):
            return self.pins
        used = {f"{kind}:{ref}" for kind, ref in _models(Workflow(self.workflow, self.definition), values)}
        return {name: pin for name, pin in self.pins.items() if name in used or not name.startswith("lora:")}


class Jobs:
    """Makes jobs of one workflow. What values name is looked up and read once, so that all rest on the same files."""

    def __init__(self, workflow: Workflow, library: Library, hash_picture: Callable[[str], str] | None = None) -> None:
        self.workflow, self.library = workflow, library
        self._card, self._picture = cache(library.models.find), hash_picture or cache(_read)
        self._sha256, self._problem = cache(library.sha256), cache(partial(_problem, library))
        self._check_name = cache(library.check_name)

    def of(self, values: Mapping[str, Any]) -> Job:
        """The job for these values, as ``Job.of`` makes it."""
        plain = self._bound(values)
        if wrong := self._missing(plain):
            raise InputError(next(iter(wrong.values())), wrong)
        plain = self._settled(plain)
        seed, count = plain.pop("seed"), plain.pop("count")
        if plain.get("wildcard_seed") is None:
            plain.pop("wildcard_seed", None)
        draws = tuple(_draws(self.workflow, plain))
        job = Job(
            workflow=self.workflow.name,
            definition=dict(self.workflow.data),
            values=plain,
            seed=secrets.randbelow(_SEEDS) if seed is None else seed,
            count=count,
            pins=self.pins(plain, draws),
            draws=draws,
        )
        if job.total > _MOST:
            raise InputError(f"that makes {job.total:,} pictures; a job makes at most {_MOST:,}: shorten a list")
        return job

    def pins(self, values: Mapping[str, Any], draws: Iterable[str] = ()) -> dict[str, str]:
        """Hashes of every model and picture that the workflow's steps will read.

        Of the prompts that ``draws`` names, only the LoRAs that are known before they are drawn.
        """
        values = {**values, **{name: _decided(values[name]) for name in draws}}
        pins = {}
        for name, parameter in self.workflow.inputs().items():
            if parameter.kind.takes == "pictures" and values[name] is not None:
                pins[f"picture:{name}"] = self._picture(values[name])
        inner = _inner_models(self.workflow, values)
        for kind, ref in sorted(inner):
            self._check_name(kind, ref)  # a grid's values are written in words, and give no path
        models = sorted(_own_models(self.workflow, values) | inner)
        return pins | {f"{kind}:{ref}": self._sha256(kind, ref) for kind, ref in models}

    def _bound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as the form has them; raises InputError that tells also what the others name in vain."""
        try:
            return bind(self.workflow.form(), values).model_dump(mode="json")
        except InputError as error:
            others = {name: one for name, one in values.items() if isinstance(one, str) and name not in error.wrong}
            raise InputError(str(error), error.wrong | self._missing(others)) from None

    def _missing(self, values: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with the inputs that name a model, part or LoRA there is not."""
        inputs = {name: parameter.kind.name for name, parameter in self.workflow.inputs().items() if values.get(name)}
        asked = (
            (name, kind, _decided(values[name]) if kind == "prompt" else values[name]) for name, kind in inputs.items()
        )
        pairs = ((name, one) for name, kind, value in asked for one in asset_refs.of(kind, value))
        return {name: problem for name, one in pairs if (problem := self._problem(*one))}

    def _settled(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values, with steps and guidance that were left open as the model of their step likes them."""
        open_ = {name: self.workflow.source(name) for name in self.workflow.inputs() if values[name] is None}
        suited = {
            name: getattr(self._card(given(self.workflow, values, step)["model"]).defaults, key)
            for name, (step, key) in open_.items()
            if key in ("steps", "guidance")
        }
        return values | suited


def _problem(library: Library, kind: str, ref: str) -> str:
    """Why there is nothing of a kind under a name, "" where there is."""
    try:
        library.find(kind, ref)
    except InputError as error:
        return str(error)
    return ""


def _read(picture: str) -> str:
    try:
        with open_file(picture) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"the picture '{picture}' cannot be read: {reason(error)}") from None


def _draws(workflow: Workflow, values: Mapping[str, Any]) -> Iterator[str]:
    """The prompts that hold wildcards."""
    for name, parameter in workflow.inputs().items():
        if parameter.kind.name == "prompt" and any(map(wildcards.first, _texts(values[name]))):
            yield name


def _texts(value: Any) -> list[str]:
    """The text of an input, or each of its list."""
    return [str(text) for text in value] if isinstance(value, list) else [value or ""]


def _decided(prompt: Any) -> Any:
    """A prompt, or each of several, without the LoRAs that are known only once its wildcards are drawn."""
    decided = list(map(grammar.without_drawn_loras, _texts(prompt)))
    return decided if isinstance(prompt, list) else decided[0]


def given(workflow: Workflow, values: Mapping[str, Any], step: str) -> dict[str, Any]:
    """Every parameter of a step: as asked for, fixed in the workflow, or its default."""
    run = parameters(find("steps", workflow.uses(step)).run)
    asked = {workflow.source(name): values[name] for name in workflow.inputs()}
    fixed = workflow.fixed(step, values)
    return {key: asked.get((step, key), fixed.get(key, parameter.default)) for key, parameter in run.items()}


def _models(workflow: Workflow, values: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Every model, part and LoRA the job uses, by kind: asked for, fixed in the workflow, or a step's default."""
    return _own_models(workflow, values) | _inner_models(workflow, values)


def _own_models(workflow: Workflow, values: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {one for kind, value in _parameters(workflow, values) for one in asset_refs.of(kind, value)}


def _inner_models(workflow: Workflow, values: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Those of the workflows that its steps run, as a grid does."""
    found = set[tuple[str, str]]()
    for step in workflow.steps():
        if runs := getattr(find("steps", workflow.uses(step)), "runs", None):
            asked = given(workflow, values, step)
            for inner, own in runs(**{key: asked[key] for key in signature(runs).parameters if key in asked}):
                found |= _models(inner, own)
    return found


def _parameters(workflow: Workflow, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every parameter of every step that has a value: its kind, and the value."""
    for step in workflow.steps():
        known = parameters(find("steps", workflow.uses(step)).run)
        each = given(workflow, values, step).items()
        yield from ((known[key].kind.name, value) for key, value in each if value is not REQUIRED)
