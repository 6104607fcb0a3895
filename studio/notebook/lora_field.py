"""The field for LoRAs."""

from collections.abc import Callable, Sequence

from studio.library import Library
from studio.notebook.field import WidgetField
from studio.notebook.thumbnail import thumbnail
from studio.notebook.widgets import LoraStack
from studio.parameters.types import LORA_WEIGHTS
from studio.ui import lora_picker
from studio.ui.controls import FormControl


class LoraField(WidgetField):
    """A stack of LoRAs. Which may be added depends on the model; their cards are read when the list is opened."""

    def __init__(self, control: FormControl, library: Library) -> None:
        widget = LoraStack(label=control.label, tip=control.help, slider=list(LORA_WEIGHTS), empty=lora_picker.EMPTY)
        super().__init__(control, widget)
        self._library, self._model, self._opened = library, "", False
        widget.on_message("opened", lambda _: self._load_cards())
        widget.on_message("preview", lambda message: self._send_preview(message["preview"]))

    def read(self) -> list[str]:
        return list(self.widget.value)

    def write(self, value: Sequence[str] | None) -> None:
        self.widget.value = list(value or ())
        if self.widget.value and not self._opened:
            self._load_cards()

    def set_model(self, model: str) -> None:
        """Offer the LoRAs that fit this model."""
        self._model = model
        if self._opened:
            self._load_cards()

    def on_trigger_word(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with each trigger word that is clicked."""
        self.widget.on_message("word", lambda message: callback(message["word"]))

    def _load_cards(self) -> None:
        self._opened = True
        self.widget.cards = [option.about for option in lora_picker.options(self._model, self._library)]

    def _send_preview(self, card: str) -> None:
        path = lora_picker.preview(card, self._library)
        self.widget.send_preview(card, thumbnail(path) if path else b"")
