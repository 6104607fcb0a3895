"""``studio.panel()``: form, bar, results and history of one session in a notebook's cell."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

from ipywidgets import HTML, Box, Dropdown, HBox, VBox

from studio.api import session as shared_session
from studio.errors import InputError, StudioError
from studio.imports.imported_workflow import ImportedWorkflow
from studio.imports.importing import import_file
from studio.notebook.follow import Follower
from studio.notebook.form import Form
from studio.notebook.history import History
from studio.notebook.results import Results, Wishes, takes_picture
from studio.notebook.widgets import Bar, DropZone, KernelBanner
from studio.pictures.picture import Picture
from studio.runtime.run_handle import Run
from studio.runtime.session import Session
from studio.ui.controls import ease
from studio.ui.uploads import laid_out
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow, workflow_names

FIRST: Final = "text-to-image"
RESTORE: Final = "Drop a picture to use its settings"
CARRIED: Final = ("prompt", "model", "loras")  # kinds of input that go along to another workflow


def panel(workflow: str | Path | None = None) -> "Panel":
    """A panel for a workflow, by name or from a YAML file; without one, with all of them to pick from.

    End a cell with it. Raises InputError for an unknown name, WorkflowError for a file that is wrong.
    """
    session = shared_session()
    return Panel(session, Workflow.load(workflow or FIRST, session.library), pick=workflow is None)


class Panel:
    """What a cell shows, and the same from code: ``values``, ``generate()``, ``pictures``."""

    def __init__(self, session: Session, workflow: Workflow, *, pick: bool = False) -> None:
        self._session = session
        kindly = self._kindly
        known = sorted(map(Workflow.builtin, workflow_names()), key=ease)
        self.results = Results(
            Wishes(kindly(self._use), kindly(self._vary), kindly(self._send)), known, session.library
        )
        self.history = History(session, self.results.look, kindly(self._retry))
        self.bar = Bar(label="Generate")
        self.bar.hear("wish", lambda message: self._wish(message["wish"]))
        self.restoring = DropZone(label="Restore settings", words=RESTORE, compact=True, texts=True)
        self.restoring.on_file(self._dropped)
        self.brought = HTML()
        self._follower = Follower(self.bar, self.results, self.history.refresh)
        self._title, self._place, self._picker = HTML(), Box(), _picker(known)
        self._picker.layout.display = "" if pick else "none"
        self._picker.observe(lambda change: self._picked(change["new"]), "value")
        self._title.add_class("studio-title")
        self.widget = self._laid_out()
        self.open(workflow)

    def __repr__(self) -> str:
        return f"<panel of {self.workflow.name}; run the cell to use it>"

    def _repr_mimebundle_(self, **asked: Any) -> Any:
        return {**self.widget._repr_mimebundle_(**asked), "text/plain": repr(self)}

    @property
    def workflow(self) -> Workflow:
        """The one that is shown."""
        return self._form.workflow

    @property
    def values(self) -> Form:
        """What the form says, by name. ``panel.values["steps"] = 8`` moves the widget."""
        return self._form

    @values.setter
    def values(self, values: Mapping[str, Any]) -> None:
        self._form.fill(values)

    @property
    def pictures(self) -> list[Picture]:
        """The pictures this panel has made, in the order they were finished."""
        return self.results.pictures

    def generate(self) -> Run:
        """Submit what the form says; returns at once, and ``run.wait()`` waits for the pictures.

        Raises InputError where a value is wrong.
        """
        run = self._session.submit(self._form.job())
        self._form.explain({})
        self._follower.follow(run)
        return run

    def stop(self) -> None:
        """Stop the run at work within a step. What is finished stays."""
        self._follower.stop()

    def restore(self, picture: Picture | Path | str) -> None:
        """Bring back the workflow, the settings and the seed of a picture; of another tool's what can be done here.

        Raises InputError where its file carries none.
        """
        found = import_file(picture.path if isinstance(picture, Picture) else Path(picture), self._session.library)
        if isinstance(found, Job):
            self._use(found)
        else:
            self.open(found.workflow)
            self._form.fill(found.form_values)
            self.brought.value = _told(found)

    def open(self, workflow: Workflow | str) -> None:
        """Show a workflow, by name or as it is; all its fields say their defaults."""
        workflow = workflow if isinstance(workflow, Workflow) else Workflow.load(workflow, self._session.library)
        opened = bool(self._place.children) and self._form.more.value
        self._form: Form = Form(workflow, self._session)
        self._form.more.value = opened
        self._form.on_wish(self._wish)
        self._place.children = [self._form.widget]
        self.brought.value = ""
        shown = workflow.definition
        self._title.value = f"<h2>{escape(shown.title)}</h2><p>{escape(shown.description)}</p>"
        self._picker.value = workflow.name if workflow.name in workflow_names() else None

    def _kindly(self, wish: Callable[..., None]) -> Callable[..., None]:
        """The same, with what goes wrong said beside the buttons."""

        def tried(*given: Any) -> None:
            try:
                wish(*given)
            except StudioError as error:
                self._follower.say(str(error), problem=True)

        return tried

    def _retry(self, run: Run) -> None:
        self._follower.follow(run.retry())

    def _use(self, job: Job) -> None:
        self.open(Workflow.of(job.workflow, job.definition, self._session.library))
        self._form.fill({**job.values, "seed": job.seed, "count": job.count})

    def _vary(self, job: Job) -> None:
        self._use(job)
        self._form["seed"] = None
        self._wish("generate")

    def _send(self, picture: Picture, name: str) -> None:
        self._go(name, picture.job.values)
        taker = takes_picture(self.workflow)
        if taker:
            self._form[taker] = [str(picture.path)] if self._form.fields[taker].control.many else str(picture.path)

    def _picked(self, name: str | None) -> None:
        if name and name != self.workflow.name:
            self._go(name, dict(self._form))

    def _go(self, name: str, values: Mapping[str, Any]) -> None:
        """Open another workflow; prompts and models come along."""
        self.open(name)
        self._follower.say("")
        kinds = {name: field.control.kind for name, field in self._form.fields.items()}
        self._form.fill({name: value for name, value in values.items() if kinds.get(name) in CARRIED})

    def _wish(self, wish: str) -> None:
        """What a button or a key asks for; a wrong value is said by its field, anything else beside the buttons."""
        try:
            {"generate": self.generate, "stop": self.stop}[wish]()
        except StudioError as error:
            named = self._form.explain(error.wrong if isinstance(error, InputError) else {})
            self._follower.say("Fix the fields marked above." if named else str(error), problem=True)

    def _dropped(self, name: str, data: bytes) -> None:
        try:
            with laid_out(data, name) as file:
                self.restore(file)
        except StudioError as error:
            self._follower.say(str(error), problem=True)
        else:
            self._follower.say(f"These are the settings of {name}")

    def _laid_out(self) -> VBox:
        head, left = HBox([self._title, self._picker]), VBox([self._place, self.bar, self.restoring, self.brought])
        side = VBox([self.results.widget, self.history.widget])
        columns = Box([left, side])
        widget = VBox([KernelBanner(), head, columns])
        for box, name in ((head, "head"), (left, "form"), (side, "side"), (columns, "columns")):
            box.add_class(f"studio-{name}")
        return widget.add_class("studio")


def _told(found: ImportedWorkflow) -> str:
    """What another tool's picture brought, and what of it found no place."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in found.messages())
    opened = " open" if found.missing else ""
    rest = f"<details{opened}><summary>Left out</summary><ul>{lines}</ul></details>" if lines else ""
    return f"<p>From {escape(found.tool)}.</p>{rest}"


def _picker(known: Iterable[Workflow]) -> Dropdown:
    options = [(workflow.definition.title, workflow.name) for workflow in known]
    return Dropdown(options=options, value=None, description="Workflow")
