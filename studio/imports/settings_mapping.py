"""Checks which imported settings the form of a workflow accepts."""

import json
from collections.abc import Mapping
from functools import cache
from textwrap import shorten
from types import MappingProxyType
from typing import Any, Final

from studio.errors import InputError
from studio.imports.imported_settings import SkippedSetting
from studio.workflow.workflow import JobForm, Workflow, bind

_LONGEST: Final = 2_000
_SAME: Final[Mapping[str, str]] = MappingProxyType({})


@cache
def form_of(workflow: str) -> type[JobForm]:
    """The form of a workflow that comes with the studio."""
    return Workflow.builtin(workflow).form()


def fit_to_workflow(
    workflow: Workflow, values: Mapping[str, Any], called: Mapping[str, str] = _SAME
) -> tuple[dict[str, Any], tuple[SkippedSetting, ...]]:
    """The values that the workflow's form accepts, and the others as skipped settings.

    ``called`` gives the other tool's names of inputs: {"guidance": "CFG scale"}. Missing required inputs do not matter.
    """
    return fit_to_form(workflow.form(), values, called)


def fit_to_form(
    form: type[JobForm], values: Mapping[str, Any], called: Mapping[str, str] = _SAME
) -> tuple[dict[str, Any], tuple[SkippedSetting, ...]]:
    """The same for an existing form."""
    known = {name: value for name, value in values.items() if name in form.model_fields}
    wrong = dict.fromkeys(set(values) - set(known), f"the workflow '{form.__name__}' has no such input")
    try:
        bind(form, known)
    except InputError as error:
        wrong |= {name: shorten(text, 150, placeholder=" …") for name, text in error.wrong.items()}
    skipped = (
        SkippedSetting(called.get(name, name), shown(value), wrong[name])
        for name, value in values.items()
        if name in wrong
    )
    return {name: value for name, value in known.items() if name not in wrong}, tuple(skipped)


def shown(value: Any) -> str:
    """A JSON value as printable text, truncated if it is very long."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    text = "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
