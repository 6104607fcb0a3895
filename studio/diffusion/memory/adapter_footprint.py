"""What a guide asks for besides the model: which parts, what they weigh, how large their work grows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from studio.diffusion.memory.memory_footprint import Anatomy, Part
from studio.files.untrusted import is_folder
from studio.model_files.configuration import read_json
from studio.models import adapters
from studio.models.adapters import Adapters
from studio.models.folder import weight_files
from studio.parameters.conditioning import Guide


@dataclass(frozen=True)
class Extras:
    """The parts that a guide names, each once, as their headers and configurations have them.

    ``nets`` are ControlNets, ``vae`` decodes in place of the model's own; ``others``, adapters and the image encoders
    they look through, hold little besides their weights.
    """

    nets: tuple[Part, ...] = ()
    others: tuple[Part, ...] = ()
    vae: Part | None = None

    @classmethod
    def of(cls, guide: Guide, model: Anatomy, index: Adapters) -> "Extras":
        """Raises InputError where a part is not there, ModelError where it is damaged."""
        found = list(named(guide, index))
        return cls(
            tuple(_read(part, model.denoisers) for part in found if part.kind == "controlnet" and not part.adapter),
            tuple(_read(part, []) for part in found if part.kind == "ip-adapter" or part.adapter),
            next((_read(part, model.decoders) for part in found if part.kind == "vae"), None),
        )

    @property
    def staying(self) -> int:
        """Numbers of the weights that are on the device as long as the request runs, whatever the plan."""
        return sum(part.weights for part in [*self.others, *([self.vae] if self.vae else [])])

    @property
    def weights(self) -> int:
        """Numbers of all weights."""
        return self.staying + sum(net.weights for net in self.nets)


def named(guide: Guide, index: Adapters) -> Iterator[adapters.Part]:
    """The parts that are loaded for a guide, each once; raises InputError where one is not there."""
    asked = [(control.part, "controlnet") for control in guide.controls if control.part]
    asked += [(reference.part, "ip-adapter") for reference in guide.references]
    asked += [(guide.vae, "vae")] if guide.vae else []
    yield from (index.find(ref, kind) for ref, kind in dict.fromkeys(asked))


def _read(part: adapters.Part, like: list[Part]) -> Part:
    """A part's headers; one that is a file alone has the configuration of what it is for."""
    if is_folder(part.path):
        return Part.of(weight_files(part.path), read_json(part.path / "config.json"))
    config: Any = like[0].config if like else {}
    files = [part.path, *(weight_files(part.encoder) if part.kind == "ip-adapter" else [])]
    return Part.of(files, config)
