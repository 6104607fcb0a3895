"""The memory that a guide's ControlNets, adapters and VAE take."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from studio.diffusion.memory.memory_footprint import ModelFootprint, ModuleFootprint
from studio.files.untrusted import is_folder
from studio.model_files.configuration import read_json
from studio.models import adapters
from studio.models.adapters import Adapters
from studio.models.folder import weight_files
from studio.parameters.conditioning import Guide


@dataclass(frozen=True)
class AdapterFootprint:
    """The adapters of a guide, each once, from their headers and configurations.

    ``nets`` are ControlNets, ``vae`` decodes in place of the model's own; ``others`` are adapters and their image
    encoders, which take little besides their weights.
    """

    nets: tuple[ModuleFootprint, ...] = ()
    others: tuple[ModuleFootprint, ...] = ()
    vae: ModuleFootprint | None = None

    @classmethod
    def of(cls, guide: Guide, model: ModelFootprint, index: Adapters) -> "AdapterFootprint":
        """Raises InputError where an adapter is missing, ModelError where it is damaged."""
        found = list(named(guide, index))
        return cls(
            tuple(_read(part, model.denoisers) for part in found if part.kind == "controlnet" and not part.adapter),
            tuple(_read(part, []) for part in found if part.kind == "ip-adapter" or part.adapter),
            next((_read(part, model.decoders) for part in found if part.kind == "vae"), None),
        )

    @property
    def staying(self) -> int:
        """Parameters that stay on the device while the request runs, under any plan."""
        return sum(part.weights for part in [*self.others, *([self.vae] if self.vae else [])])

    @property
    def weights(self) -> int:
        """All parameters."""
        return self.staying + sum(net.weights for net in self.nets)


def named(guide: Guide, index: Adapters) -> Iterator[adapters.Part]:
    """The adapters that a guide loads, each once; raises InputError where one is missing."""
    refs = [(control.part, "controlnet") for control in guide.controls if control.part]
    refs += [(reference.part, "ip-adapter") for reference in guide.references]
    refs += [(guide.vae, "vae")] if guide.vae else []
    yield from (index.find(ref, kind) for ref, kind in dict.fromkeys(refs))


def _read(part: adapters.Part, like: list[ModuleFootprint]) -> ModuleFootprint:
    """An adapter's headers; a single file has the configuration of the module that it is for."""
    if is_folder(part.path):
        return ModuleFootprint.of(weight_files(part.path), read_json(part.path / "config.json"))
    config: Any = like[0].config if like else {}
    files = [part.path, *(weight_files(part.encoder) if part.kind == "ip-adapter" else [])]
    return ModuleFootprint.of(files, config)
