"""``studio import``: turns the settings that another tool stored in a picture into a job and a workflow file."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import yaml

from studio.cli.options import JsonOption, SetOption, read_settings
from studio.cli.terminal import say
from studio.errors import InputError, OutputError
from studio.files.untrusted import exists
from studio.imports.imported_workflow import ImportedWorkflow
from studio.imports.importing import import_file
from studio.library import Library
from studio.workflow.job import Job

_FLAGS: Final = {"model": "model", "lora": "loras"}


def import_(file: Path, *, set_: SetOption = (), out: Path = Path(), json_: JsonOption = False) -> None:
    """Read the settings that another tool stored in a picture or a JSON file, and write a job.

    What cannot be used is listed.

    studio import from-a1111.png --out jobs

    studio run jobs/from-a1111.job.json

    Parameters
    ----------
    file:
        A picture made by A1111, Forge, ComfyUI, InvokeAI and others, or a ComfyUI workflow.
    set_:
        An input and another value for it.
    out:
        Folder for the job and, if the picture contains a workflow, the workflow.
    json_:
        Print everything as JSON.
    """
    found, values = import_file(file, Library.from_environment()), read_settings(set_)
    if isinstance(found, Job):
        raise InputError(f"'{file}' was made by the studio itself and needs no import; use: studio run '{file}'")
    written = [_write(out, file.stem, ".yaml", _as_yaml(found.definition))] if found.definition else []
    job, problem = _job_of(found, values)
    if job:
        written.append(_write(out, file.stem, ".job.json", job.model_dump_json(indent=1)))
    say(*([_as_json(found, written, problem)] if json_ else _lines(found, written, problem)))


def job(found: ImportedWorkflow, values: Mapping[str, Any]) -> Job:
    """The imported job with other values on top; what cannot be used is listed on stderr.

    Raises InputError if a model or LoRA is missing, or no model is named, and ``values`` give no replacement.
    """
    for one in found.missing_essentials:
        if (flag := _FLAGS[one.asset.kind]) not in values:
            raise InputError(f"the {one}: {one.why}; {one.advice}; or give --{flag} to use something else")
    for name in found.models_to_choose:
        if name not in values:
            flag = name.replace("_", "-")
            raise InputError(f"the file does not say which model it was made with; give --{flag} to choose one")
    say(f"with the settings of {found.tool}", error=True)
    for line in found.messages():
        say(f"  {line}", error=True)
    return found.job(values, Library.from_environment())


def _job_of(found: ImportedWorkflow, values: Mapping[str, str]) -> tuple[Job | None, str]:
    """The job, or a message about what it still needs."""
    try:
        return found.job(values, Library.from_environment()), ""
    except InputError as error:
        if any(name in values for name in error.wrong):
            raise
        return None, f"no job was written: {error} (--set NAME=VALUE)"


def _lines(found: ImportedWorkflow, written: list[Path], problem: str) -> Iterator[str]:
    yield f"{found.tool}, for the workflow '{found.workflow.name}'"
    for name, value in found.values.items():
        yield f"  {name:16} {_short(value)}"
    yield from _listed("found by name only", (f"{one.asset.kind} {one.name}" for one in found.matched_by_name))
    yield from _listed("missing", (f"{one}: {one.why}; {one.advice}" for one in found.missing))
    yield from _listed("left out", map(str, found.skipped))
    if problem:
        yield problem
    for path in written:
        yield f"wrote {path}"


def _listed(title: str, lines: Iterator[str]) -> Iterator[str]:
    for n, line in enumerate(lines):
        if not n:
            yield title
        yield f"  {line}"


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:99]}…"


def _as_json(found: ImportedWorkflow, written: list[Path], problem: str) -> str:
    about = found.data() | {"values": dict(found.values), "files": [str(path) for path in written], "problem": problem}
    return json.dumps(about, ensure_ascii=False)


def _as_yaml(definition: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(definition), sort_keys=False, allow_unicode=True, width=110))


def _write(folder: Path, stem: str, ending: str, text: str) -> Path:
    """Write a new file; an existing one is kept, and the new one gets a number."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for n in count(1):
            path = folder / f"{stem if n == 1 else f'{stem}-{n}'}{ending}"
            if not exists(path):
                with path.open("x", encoding="utf-8") as file:
                    file.write(text)
                return path
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {error.strerror or error}") from None
    raise AssertionError  # count() never ends
