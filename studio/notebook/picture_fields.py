"""The fields for pictures: files that are dropped or chosen, and masks that are painted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ipywidgets import DOMWidget

from studio.errors import InputError
from studio.notebook.field import WidgetField
from studio.notebook.thumbnail import thumbnail
from studio.notebook.widgets import DropZone, MaskPainter
from studio.ui.controls import FormControl
from studio.ui.uploads import keep

DROP: Final = "Drop a picture here, or click to choose one"
DROP_MANY: Final = "Drop pictures here, or click to choose some"


class PictureField(WidgetField):
    """A picture that is dropped or chosen, or several if the control takes ``many``; its value is the file's path."""

    def __init__(self, control: FormControl, folder: Path) -> None:
        super().__init__(control, self._make_widget(control))
        self._folder, self._paths, self._callbacks = folder, list[str](), list[Callable[[], None]]()
        self._thumbnails = dict[str, bytes]()
        self._show_pictures("")
        self.widget.on_file(self._receive)
        self.widget.on_message("coming", lambda _: self.show_problem(""))
        self.widget.on_message("clear", lambda _: self._replace([]))

    def _make_widget(self, control: FormControl) -> DOMWidget:
        return DropZone(label=control.label, tip=control.help, many=control.many)

    def read(self) -> Any:
        return list(self._paths) if self.control.many else next(iter(self._paths), None)

    def write(self, value: Any) -> None:
        self._replace([str(one) for one in ([value] if isinstance(value, str | Path) else value or [])])

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def _receive(self, name: str, data: bytes) -> None:
        try:
            path = str(keep(data, self._folder))
        except InputError as error:
            self.show_problem(f"'{name}': {error}")
            return
        self._set_paths([*self._paths, path] if self.control.many else [path], name)

    def _replace(self, paths: list[str]) -> None:
        self.show_problem("")
        self._set_paths(paths)

    def _set_paths(self, paths: list[str], name: str = "") -> None:
        self._paths = paths
        self._show_pictures(name)
        for callback in self._callbacks:
            callback()

    def _show_pictures(self, name: str) -> None:
        self._thumbnails = {path: self._thumbnails.get(path) or thumbnail(path) for path in self._paths}
        self.widget.pictures = [self._thumbnails[path] for path in self._paths]
        self.widget.words = self._caption(name)

    def _caption(self, name: str) -> str:
        if not self._paths:
            return DROP_MANY if self.control.many else DROP
        if not self.control.many:
            return name or Path(self._paths[0]).name
        return f"{len(self._paths)} chosen. Drop more to add them."


class MaskField(PictureField):
    """A mask that is painted over the workflow's start picture; it is written to a file when its path is read."""

    _painted: bytes = b""

    def read(self) -> Any:
        if self._painted:
            self._paths, self._painted = [str(keep(self._painted, self._folder))], b""
        return super().read()

    def _make_widget(self, control: FormControl) -> DOMWidget:
        return MaskPainter(label=control.label, tip=control.help)

    def paint_over(self, picture: Any) -> None:
        """Paint over another picture; the mask of the previous one is dropped."""
        self.widget.picture = thumbnail(picture, None) if picture else b""
        self.write(None)

    def write(self, value: Any) -> None:
        super().write(value)
        self.widget.mask = thumbnail(value, None, "black") if value else b""

    def _receive(self, _: str, data: bytes) -> None:
        self._replace([])
        self._painted = data

    def _set_paths(self, paths: list[str], name: str = "") -> None:
        self._painted = b""
        super()._set_paths(paths, name)

    def _show_pictures(self, name: str) -> None:
        """Do nothing: the painter shows its strokes itself."""
