"""Krita AI Diffusion's text: A1111's, with "Model hash: unknown" and the samplers' names in its styles.

After ``create_img_metadata`` in ``ai_diffusion/text.py`` and ``ai_diffusion/presets/samplers.json``. The A1111 reader
does the rest.
"""

import json
import re
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from studio.imports.formats import a1111
from studio.imports.imported_settings import ImportedSettings
from studio.imports.metadata_extract import EmbeddedMetadata

TOOL: Final = "Krita AI Diffusion"

_LAST: Final = re.compile(
    r"(?P<steps>Steps: [^,\n]{1,20}), Sampler: (?P<sampler>[^\n]{0,200}?), (?P<middle>CFG scale: [^,\n]{1,30}, "
    r"Seed: [^,\n]{1,30}, Size: [^,\n]{1,30}), Model hash: unknown, Model: (?P<model>(?:(?!: )[^\n]){1,300}?)"
    r"(?P<end>, Denoising strength: [^,\n]{1,30})?\s*"
)
_SAMPLERS: Final = MappingProxyType(
    {
        "Default - DPM++ 2M": "DPM++ 2M Karras",
        "Alternative - Euler A": "Euler a",
        "Creative - DPM++ 2M SDE": "DPM++ 2M SDE Karras",
        "Euler beta": "Euler Beta",
        "Turbo/Lightning Merge - DPM++ SDE": "DPM++ SDE Karras",
        "SD3 - DPM++ 2M Uniform": "DPM++ 2M SGM Uniform",
        "Flux - Euler simple": "Euler SGM Uniform",
        "Realtime - Hyper": "Euler SGM Uniform",
        "Realtime - Lightning": "Euler SGM Uniform",
        "Flux - Turbo": "Euler SGM Uniform",
    }
)


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings of Krita AI Diffusion; None for other files."""
    words, _, line = metadata.texts.get("parameters", "").rstrip().rpartition("\n")
    found = _LAST.fullmatch(line)
    if not found:
        return None
    sampler = _SAMPLERS.get(found["sampler"], found["sampler"])
    settings = f"{found['steps']}, Sampler: {json.dumps(sampler)}, {found['middle']}"
    last = f"{settings}, Model: {json.dumps(found['model'])}{found['end'] or ''}, Version: {TOOL}"
    imported = a1111.read(EmbeddedMetadata({"parameters": f"{words}\n{last}"}, metadata.size))
    return replace(imported, tool=TOOL) if imported else None
