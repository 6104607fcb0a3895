"""``studio.panel()``: the form, buttons, results and history of a session in a notebook's cell."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from ipywidgets import HTML, Box, Dropdown, HBox, VBox

from studio.api import session as shared_session
from studio.errors import InputError, StudioError
from studio.imports.imported_workflow import ImportedWorkflow
from studio.imports.importing import import_file
from studio.notebook.follow import RunFollower
from studio.notebook.form import WidgetForm
from studio.notebook.history import History
from studio.notebook.results import PictureActions, Results, takes_picture
from studio.notebook.widgets import DropZone, GenerateBar, KernelBanner
from studio.pictures.picture import Picture
from studio.runtime.run_handle import Run
from studio.runtime.session import Session
from studio.ui.controls import ease
from studio.ui.uploads import temporary_file
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow, workflow_names

FIRST: Final = "text-to-image"
RESTORE: Final = "Drop a picture to use its settings"
KEPT_KINDS: Final = ("prompt", "model", "loras")  # inputs that keep their values in another workflow


def panel(workflow: str | Path | None = None) -> "Panel":
    """A panel for a workflow, given by name or as a YAML file; by default with a menu of all workflows.

    End a cell with it. Raises InputError for an unknown name, WorkflowError for a file that is not valid.
    """
    session = shared_session()
    return Panel(session, Workflow.load(workflow or FIRST, session.library), pick=workflow is None)


class Panel:
    """The widget of the panel; from code: ``values``, ``generate()``, ``pictures``."""

    def __init__(self, session: Session, workflow: Workflow, *, pick: bool = False) -> None:
        self._session = session
        catching = self._catching
        known = sorted(map(Workflow.builtin, workflow_names()), key=ease)
        self.results = Results(
            PictureActions(catching(self._use), catching(self._vary), catching(self._send)), known, session.library
        )
        self.history = History(session, self.results.look, catching(self._retry))
        self.bar = GenerateBar(label="Generate")
        self.bar.on_message("action", lambda message: self._act(message["action"]))
        self.restoring = DropZone(label="Restore settings", words=RESTORE, compact=True, texts=True)
        self.restoring.on_file(self._dropped)
        self.import_note = HTML()
        self._follower = RunFollower(self.bar, self.results, self.history.refresh)
        self._title, self._place, self._picker = HTML(), Box(), _picker(known)
        self._picker.layout.display = "" if pick else "none"
        self._picker.observe(lambda change: self._picked(change["new"]), "value")
        self._title.add_class("studio-title")
        self.widget = self._layout()
        self.open(workflow)

    def __repr__(self) -> str:
        return f"<panel of {self.workflow.name}; run the cell to use it>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return {**self.widget._repr_mimebundle_(**kwargs), "text/plain": repr(self)}

    @property
    def workflow(self) -> Workflow:
        """The workflow that is shown."""
        return self._form.workflow

    @property
    def values(self) -> WidgetForm:
        """The values of the form by name. ``panel.values["steps"] = 8`` moves the widget."""
        return self._form

    @values.setter
    def values(self, values: Mapping[str, Any]) -> None:
        self._form.fill(values)

    @property
    def pictures(self) -> list[Picture]:
        """The pictures that this panel has generated, in the order they were finished."""
        return self.results.pictures

    def generate(self) -> Run:
        """Submit a job with the form's values and return at once; ``run.wait()`` waits for the pictures.

        Raises InputError if a value is wrong.
        """
        run = self._session.submit(self._form.job())
        self._form.show_problems({})
        self._follower.follow(run)
        return run

    def stop(self) -> None:
        """Stop the running job within a step. Finished pictures are kept."""
        self._follower.stop()

    def restore(self, picture: Picture | Path | str) -> None:
        """Restore the workflow, the settings and the seed of a picture; of another tool's, those that exist here.

        Raises InputError if its file contains no settings.
        """
        found = import_file(picture.path if isinstance(picture, Picture) else Path(picture), self._session.library)
        if isinstance(found, Job):
            self._use(found)
        else:
            self.open(found.workflow)
            self._form.fill(found.form_values)
            self.import_note.value = _import_note(found)

    def open(self, workflow: Workflow | str) -> None:
        """Show a workflow with the default values of its inputs."""
        workflow = workflow if isinstance(workflow, Workflow) else Workflow.load(workflow, self._session.library)
        opened = bool(self._place.children) and self._form.more.value
        self._form: WidgetForm = WidgetForm(workflow, self._session)
        self._form.more.value = opened
        self._form.on_action(self._act)
        self._place.children = [self._form.widget]
        self.import_note.value = ""
        shown = workflow.definition
        self._title.value = f"<h2>{escape(shown.title)}</h2><p>{escape(shown.description)}</p>"
        self._picker.value = workflow.name if workflow.name in workflow_names() else None

    def _catching(self, action: Callable[..., None]) -> Callable[..., None]:
        """``action``, with errors shown beside the buttons."""

        def tried(*given: Any) -> None:
            try:
                action(*given)
            except StudioError as error:
                self._follower.show_status(str(error), problem=True)

        return tried

    def _retry(self, run: Run) -> None:
        self._follower.follow(run.retry())

    def _use(self, job: Job) -> None:
        self.open(Workflow.of(job.workflow, job.definition, self._session.library))
        self._form.fill({**job.values, "seed": job.seed, "count": job.count})

    def _vary(self, job: Job) -> None:
        self._use(job)
        self._form["seed"] = None
        self._act("generate")

    def _send(self, picture: Picture, name: str) -> None:
        self._switch(name, picture.job.values)
        if taker := takes_picture(self.workflow):
            self._form[taker] = [str(picture.path)] if self._form.fields[taker].control.many else str(picture.path)

    def _picked(self, name: str | None) -> None:
        if name and name != self.workflow.name:
            self._switch(name, dict(self._form))

    def _switch(self, name: str, values: Mapping[str, Any]) -> None:
        """Open another workflow and keep the prompts and models."""
        self.open(name)
        self._follower.show_status("")
        kinds = {name: field.control.kind for name, field in self._form.fields.items()}
        self._form.fill({name: value for name, value in values.items() if kinds.get(name) in KEPT_KINDS})

    def _act(self, action: str) -> None:
        """Do what a button or a key asks for; a wrong value is shown at its field, other errors beside the buttons."""
        try:
            {"generate": self.generate, "stop": self.stop}[action]()
        except StudioError as error:
            at_fields = self._form.show_problems(error.wrong if isinstance(error, InputError) else {})
            self._follower.show_status("Fix the fields marked above." if at_fields else str(error), problem=True)

    def _dropped(self, name: str, data: bytes) -> None:
        try:
            with temporary_file(data, name) as file:
                self.restore(file)
        except StudioError as error:
            self._follower.show_status(str(error), problem=True)
        else:
            self._follower.show_status(f"Settings of {name}")

    def _layout(self) -> VBox:
        head, left = HBox([self._title, self._picker]), VBox([self._place, self.bar, self.restoring, self.import_note])
        side = VBox([self.results.widget, self.history.widget])
        columns = Box([left, side])
        widget = VBox([KernelBanner(), head, columns])
        for box, name in ((head, "head"), (left, "form"), (side, "side"), (columns, "columns")):
            box.add_class(f"studio-{name}")
        return widget.add_class("studio")


def _import_note(found: ImportedWorkflow) -> str:
    """Where the settings come from, and which of them cannot be used."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in found.messages())
    opened = " open" if found.missing else ""
    rest = f"<details{opened}><summary>Left out</summary><ul>{lines}</ul></details>" if lines else ""
    return f"<p>From {escape(found.tool)}.</p>{rest}"


def _picker(known: Iterable[Workflow]) -> Dropdown:
    options = [(workflow.definition.title, workflow.name) for workflow in known]
    return Dropdown(options=options, value=None, description="Workflow")
