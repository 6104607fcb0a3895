"""ComfyUI's graphs, in pictures and in JSON files.

``prompt`` is the graph as the server ran it, and preferred; ``workflow`` is the canvas. A WebP has both in EXIF, as
``prompt:{…}`` and ``workflow:{…}``.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from studio.errors import InputError
from studio.files import strict_json
from studio.imports.comfy import graph, ui_workflow
from studio.imports.comfy.definition import imported_settings, picture_size
from studio.imports.comfy.graph import MOST, Graph, Node
from studio.imports.comfy.graph_traversal import GraphReader
from studio.imports.comfy.nodes import OUTPUTS, PICTURE
from studio.imports.comfy.sampling import passes
from studio.imports.imported_settings import ImportedSettings
from studio.imports.metadata_extract import EmbeddedMetadata

TOOL: Final = "ComfyUI"
_MOST_OUTPUTS: Final = 20
_PREFIXES: Final = ("prompt:", "workflow:", "Prompt:", "Workflow:")


def read(metadata: EmbeddedMetadata) -> ImportedSettings | None:
    """The settings in the file's graph; None if it has no graph. Raises InputError if nothing in it can be drawn."""
    found = next(_graphs(metadata), None)
    if found is None:
        return None
    outputs = _outputs(found)
    output = _matching_size(found, outputs, metadata.size) or outputs[0]
    reader = GraphReader(found, output)
    made, last = passes(reader)
    for other in outputs:
        if other is not output:
            reader.skip(other, "", f"also saves or shows a picture; {output} was read")
    return imported_settings(TOOL, reader, made, last)


def _matching_size(found: Graph, outputs: list[Node], size: tuple[int, int] | None) -> Node | None:
    """The first output with the size of the file's picture; None if none is known to have that size.

    Previews only count if it is known that no saved picture has that size.
    """
    sure = True
    for output in outputs[:_MOST_OUTPUTS] if size and len(outputs) > 1 else ():
        made = None
        with suppress(InputError):  # of an output that cannot be read
            made = picture_size(*passes(GraphReader(found, output)))
        if made == size and (sure or output.type != "PreviewImage"):
            return output
        sure = sure and made is not None
    return None


def _graphs(metadata: EmbeddedMetadata) -> Iterator[Graph]:
    """The graphs in a file, those that the server ran first."""
    texts = [text for key, text in metadata.texts.items() if key in ("prompt", "workflow", "json") or "exif:" in key]
    found = [data for text in texts if (data := _json(text)) is not None]
    found += [data["prompt"] for data in found if isinstance(data, dict) and graph.is_api(data.get("prompt"))]
    yield from (graph.read(data) for data in found if graph.is_api(data))
    yield from (ui_workflow.read(data) for data in found if ui_workflow.is_canvas(data))


def _json(text: str) -> Any:
    prefix = next((one for one in _PREFIXES if text.startswith(one)), "")
    text = text.removeprefix(prefix).strip("\0 \r\n\t")
    if text.count('"class_type"') > MOST:  # before parsing, which would take seconds
        raise InputError(f"this ComfyUI graph has over {MOST:,} nodes; it cannot be read")
    try:
        return strict_json.loads(text) if text.startswith("{") else None
    except ValueError:
        return None


def _outputs(found: Graph) -> list[Node]:
    """The nodes that output a picture: saved ones, previews, outputs of custom nodes; last passes first.

    Raises InputError if there is none.
    """
    used = {link.node for node in found.nodes.values() for link in node.links()}
    ends = [node for node in found.nodes.values() if node.id not in used or node.type in OUTPUTS]
    known = [node for node in ends if node.type in OUTPUTS and node.link("images")]
    custom = [node for node in ends if node.type not in OUTPUTS and any(map(node.link, PICTURE))]
    if not (known or custom):
        raise InputError("this ComfyUI graph saves and shows no picture; add a SaveImage node to it")
    return sorted(known or custom, key=lambda node: (node.type != "SaveImage", -_passes_before(found, node)))


def _passes_before(found: Graph, node: Node) -> int:
    return sum("Sampler" in one.type for one in found.order(node))
