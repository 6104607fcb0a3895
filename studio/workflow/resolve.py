"""A job, resolved: its values checked and converted, its pictures opened, its files compared with their pins, once."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Final

from PIL.Image import Image

from studio.errors import InputError
from studio.images.image_file import open_hashed
from studio.library import Library
from studio.model_files.hashes import Stamp
from studio.parameters.signature import Parameter, parameters
from studio.plugins import find
from studio.workflow.job import Job, Jobs
from studio.workflow.workflow import Workflow, bind

_KEPT: Final = 8  # pictures that stay in memory: as many as a job usually names, and not those of a whole batch

Arguments = Mapping[str, Mapping[str, Any]]
"""By step and parameter: what its ``run`` takes, or a Reference."""


@dataclass(frozen=True)
class Reference:
    """What an earlier step will have made: "$name" in a workflow's file. The same in a person's words means nothing."""

    step: str


class Assets:
    """What jobs have in common: the library that their values are looked up in, workflows and pictures.

    Each picture is read once for its hash and its pixels, until its file changes; the workflow of several jobs in a row
    is checked once.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._workflow: Workflow | None = None
        self._pictures: OrderedDict[tuple[str, Stamp], tuple[Image, str]] = OrderedDict()

    def workflow(self, job: Job) -> Workflow:
        """The job's checked workflow. Raises WorkflowError as ``Workflow.of`` does."""
        last = self._workflow
        if last is None or (last.name, last.data) != (job.workflow, job.definition):
            self._workflow = last = Workflow.of(job.workflow, job.definition, self.library)
        return last

    def image(self, path: str) -> Image:
        """The picture as ``open_image`` gives it. Raises InputError as that does."""
        return self._read(path)[0]

    def sha256(self, path: str) -> str:
        """The hash of the file that ``image`` was read from."""
        return self._read(path)[1]

    def _read(self, path: str) -> tuple[Image, str]:
        try:
            key = (path, Stamp.settled(Path(path)))
        except (OSError, ValueError):  # such a path is refused where it is opened
            return open_hashed(path)
        if key not in self._pictures:
            self._pictures[key] = open_hashed(path)
        self._pictures.move_to_end(key)
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        return self._pictures[key]


@dataclass(frozen=True)
class ResolvedJob:
    """A job with its checked workflow, and the arguments of the steps that make its first picture."""

    job: Job
    workflow: Workflow
    arguments: Arguments


def resolve(job: Job, assets: Assets) -> ResolvedJob:
    """The job resolved. Jobs that share ``assets`` open and hash each picture once.

    Raises InputError that names a value which does not suit, a model or picture that has changed, with both hashes, or
    what a step's own ``check`` finds wrong.
    """
    workflow = assets.workflow(job)
    bind(workflow.form(), job.values, assets.image)
    _compare(job, Jobs(workflow, assets.library, assets.sha256).pins(job.values, job.draws))
    return checked(job, workflow, assets)


def checked(job: Job, workflow: Workflow, assets: Assets) -> ResolvedJob:
    """As ``resolve``, for a job of this workflow that was made just now.

    A step's ``check`` is given the parameters that it names, and the library where it names ``library``.
    """
    resolved = converted(job, workflow, assets)
    for step, given in resolved.arguments.items():
        if check := getattr(find("steps", workflow.uses(step)), "check", None):
            known = {key: value for key, value in given.items() if not isinstance(value, Reference)}
            known["library"] = assets.library
            check(**{key: known[key] for key in signature(check).parameters if key in known})
    return resolved


def converted(job: Job, workflow: Workflow, assets: Assets) -> ResolvedJob:
    """As ``resolve``, without looking for changed files and without the steps' own checks."""
    return ResolvedJob(job, workflow, arguments_of(workflow, job.alone(0).values, assets))


def arguments_of(workflow: Workflow, values: Mapping[str, Any], assets: Assets) -> Arguments:
    """What the steps take for the values of one picture, each of whose lists holds one value."""
    bound = bind(workflow.form(), values, assets.image)
    given = {name: _only(workflow, name, getattr(bound, name)) for name in workflow.inputs()}
    asked = {workflow.source(name): value for name, value in given.items()}
    found: dict[str, dict[str, Any]] = {}
    for step in workflow.steps():
        known = parameters(find("steps", workflow.uses(step)).run)
        fixed = {
            key: given[shared] if (shared := workflow.shared(value)) else _fixed(known[key], value)
            for key, value in workflow.steps()[step].items()
        }
        found[step] = fixed | {key: value for (owner, key), value in asked.items() if owner == step}
    return found


def _only(workflow: Workflow, name: str, value: Any) -> Any:
    """An input's value; of a list its only one."""
    return value[0] if workflow.exposed(name).each else value


def _fixed(parameter: Parameter, value: Any) -> Any:
    """A value that the workflow's file gives, which is checked when that is loaded."""
    if isinstance(value, str) and value.startswith("$"):
        return Reference(value[1:])
    return parameter.check(value)


def _compare(job: Job, now: Mapping[str, str]) -> None:
    for name, expected in job.pins.items():
        if now.get(name, expected) != expected:
            raise InputError(_changed(name, expected, now[name]))


def _changed(name: str, expected: str, found: str) -> str:
    """What to say of a pin where its file has another hash now."""
    kind, _, which = name.partition(":")
    flags = {"picture": f"--{which} FILE", "lora": f"--loras {which}"}
    mend = flags.get(kind, f"--{kind} {which}")
    hashes = f"SHA-256 {found[:12]}…, expected {expected[:12]}…"
    return f"the {kind} '{which}' is not the one this was made with ({hashes}); give {mend} to use what is here now"
