"""Graphs in the shapes that ComfyUI saves, small enough to read."""

import json
from copy import deepcopy

from studio.imports.comfy.nodes import settings
from studio.imports.formats import comfyui
from studio.imports.metadata_extract import EmbeddedMetadata


def read(graph):
    """What a graph's JSON says here."""
    return comfyui.read(EmbeddedMetadata({"json": json.dumps(graph)}))


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


def changed(graph, **nodes):
    """The graph with other nodes, or other inputs for its own: ``n3={"steps": 4}``."""
    graph = deepcopy(graph)
    for name, change in nodes.items():
        if "class_type" in change:
            graph[name[1:]] = change
        else:
            graph[name[1:]]["inputs"].update(change)
    return graph


PLAIN = {
    "3": node("KSampler", seed=7, steps=3, cfg=2.0, sampler_name="dpmpp_2m", scheduler="karras", denoise=1.0,
              model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
    "4": node("CheckpointLoaderSimple", ckpt_name="spark.safetensors"),
    "5": node("EmptyLatentImage", width=128, height=64, batch_size=1),
    "6": node("CLIPTextEncode", text="a red circle on white", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="blue", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    "9": node("SaveImage", images=["8", 0], filename_prefix="ComfyUI"),
}  # fmt: skip
"""Text to image, as ComfyUI opens with."""

SECOND = node("KSampler", seed=7, steps=2, cfg=2.0, sampler_name="dpmpp_2m", scheduler="karras", denoise=0.5,
              model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["10", 0])  # fmt: skip
TWO_PASSES = changed(
    PLAIN,
    n10=node("LatentUpscale", samples=["3", 0], upscale_method="nearest-exact", width=256, height=128, crop="disabled"),
    n11=SECOND,
    n8={"samples": ["11", 0]},
)
"""A first pass, its latents enlarged, a second pass over them."""

FROM_FILE = changed(
    PLAIN,
    n5=node("VAEEncode", pixels=["12", 0], vae=["4", 2]),
    n12=node("LoadImage", image="photo.png"),
    n3={"denoise": 0.5},
)
"""Image to image."""

TYPES = {"model": "MODEL", "clip": "CLIP", "vae": "VAE", "samples": "LATENT", "latent_image": "LATENT",
         "images": "IMAGE", "pixels": "IMAGE", "image": "IMAGE", "positive": "CONDITIONING",
         "negative": "CONDITIONING"}  # fmt: skip


def on_canvas(graph, *, objects=False, modes=None):
    """The graph as a canvas saves it: version 0.4 with links as arrays, or 1.0 with ``objects``."""
    links, nodes = [], []
    for name, one in graph.items():
        linked = [(key, value) for key, value in one["inputs"].items() if isinstance(value, list)]
        inputs = []
        for slot, (key, (origin, output)) in enumerate(linked):
            links.append([len(links) + 1, int(origin), output, int(name), slot, TYPES[key]])
            inputs.append({"name": key, "type": TYPES[key], "link": len(links)})
        values = []
        for key in settings(one["class_type"]) or []:
            values.append(one["inputs"].get(key.rstrip("!")))
            values += ["randomize"] if key.endswith("!") else []
        nodes.append({"id": int(name), "type": one["class_type"], "mode": (modes or {}).get(name, 0),
                      "inputs": inputs, "outputs": [], "widgets_values": values})  # fmt: skip
    if not objects:
        return {"last_node_id": 99, "last_link_id": 99, "nodes": nodes, "links": links, "version": 0.4}
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    as_objects = [dict(zip(keys, link, strict=True)) for link in links]
    return {"version": 1, "state": {"lastNodeId": 99}, "nodes": nodes, "links": as_objects, "reroutes": []}


def with_spark(definition):
    """A definition whose files are here: Spark for each model, and no LoRA, VAE, ControlNet or embedding."""
    definition = deepcopy(dict(definition))
    for name, spec in definition["inputs"].items():
        if isinstance(spec, dict) and name in ("model", "refiner", "again_model", "loras"):
            spec["default"] = [] if name == "loras" else "spark"
    for step in definition["steps"].values():
        for key in ("vae", "controlnet", "embedding"):
            step.pop(key, None)
    return definition
