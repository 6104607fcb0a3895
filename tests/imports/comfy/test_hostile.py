"""Graphs that nobody drew: one line each, soon, and never a traceback."""

import json
import random
import time

import pytest

from studio.errors import InputError
from studio.imports.formats import comfyui
from studio.imports.metadata_extract import EmbeddedMetadata
from tests.imports.comfy.graphs import PLAIN, TWO_PASSES, changed, node, on_canvas, read

ODD = [None, True, -1, 10**30, float("nan"), float("inf"), "", "9" * 500, [], ["3"], ["3", "x"], [None, 0], ["3", -4],
       {}, {"a": []}, ["nowhere", 0], [["3", 0], 0], "\0", "[" * 400]  # fmt: skip


def swallowed(graph):
    """Read it, or have it refused in one line, within two seconds of a processor's time."""
    text, began = json.dumps(graph), time.process_time()
    try:
        comfyui.read(EmbeddedMetadata({"json": text}))
    except InputError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
    assert time.process_time() - began < 2


def test_any_value_may_stand_in_any_input():
    lot = random.Random(1)
    for name in TWO_PASSES:
        for key in TWO_PASSES[name]["inputs"]:
            for odd in lot.sample(ODD, 3):
                swallowed(changed(TWO_PASSES, **{f"n{name}": {key: odd}}))


@pytest.mark.parametrize("objects", [False, True])
def test_any_value_may_stand_anywhere_on_a_canvas(objects):
    lot = random.Random(1)
    for _ in range(60):
        sheet = on_canvas(TWO_PASSES, objects=objects)
        spoilt = lot.choice([sheet, *sheet["nodes"], *sheet["links"]])
        keys = list(spoilt) if isinstance(spoilt, dict) else range(len(spoilt))
        spoilt[lot.choice(keys)] = lot.choice(ODD)
        swallowed(sheet)


def test_any_value_may_stand_for_a_node():
    for odd in ODD:
        swallowed({**PLAIN, "3": odd})
        swallowed({**PLAIN, "3": {"class_type": odd, "inputs": {}}})
        swallowed({**PLAIN, "3": {"class_type": "KSampler", "inputs": odd, "_meta": odd}})


def chain(kind, length):
    """That many nodes one behind another before the sampler's model."""
    ends = [["4", 0], *([str(1000 + n), 0] for n in range(length))]
    links = {str(1000 + n): node(kind, model=ends[n], lora_name="x") for n in range(length)}
    return {**changed(PLAIN, n3={"model": ends[-1]}), **links}


def test_a_long_chain_is_refused():
    with pytest.raises(InputError, match="over 200 nodes deep"):
        read(chain("LoraLoader", 5_000))
    with pytest.raises(InputError, match="over 20,000 nodes"):
        read(chain("Mystery", 100_000))


def test_a_hundred_thousand_nodes_beside_the_graph_are_refused_soon():
    sheet = on_canvas(PLAIN)
    sheet["nodes"] += [{"id": n, "type": "Mystery"} for n in range(1000, 101_000)]
    swallowed(sheet)
    with pytest.raises(InputError, match="over 20,000 nodes"):
        read(sheet)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("ConditioningCombine", ("conditioning_1", "conditioning_2")),
        ("ConditioningConcat", ("conditioning_to", "conditioning_from")),
        ("StringConcatenate", ("string_a", "string_b")),
        ("SetLatentNoiseMask", ("samples", "mask")),
    ],
)
def test_what_doubles_at_each_node_ends(kind, keys):
    nodes = {f"n{100 + n}": node(kind, **{key: [str(99 + n), 0] for key in keys}) for n in range(1, 60)}
    for place, key in (("3", "positive"), ("6", "text"), ("3", "latent_image")):
        start = {"positive": ["6", 0], "text": "word", "latent_image": ["5", 0]}[key]
        first = {"n100": node(kind, **dict.fromkeys(keys, start))}
        swallowed(changed(PLAIN, **first, **nodes, **{f"n{place}": {key: ["159", 0]}}))


def test_circles_of_reroutes_and_subgraphs_end():
    sheet = on_canvas(PLAIN)
    sheet["nodes"] += [{"id": n, "type": "Reroute", "inputs": [{"name": "", "link": 500 + n}]} for n in (40, 41)]
    sheet["links"] += [[540, 41, 0, 40, 0, "*"], [541, 40, 0, 41, 0, "*"]]
    next(one for one in sheet["nodes"] if one["id"] == 3)["inputs"][0]["link"] = 540
    swallowed(sheet)
    own = {"id": "self", "nodes": [{"id": n, "type": "self"} for n in range(10)], "links": []}
    swallowed({**on_canvas(PLAIN), "nodes": [{"id": 1, "type": "self"}], "definitions": {"subgraphs": [own]}})


def test_long_prompts_and_many_brackets_are_soon_read():
    for text in ("(" * 300_000, "(" * 150_000 + ")" * 150_000, "(a:1.2) " * 50_000, "embedding:x " * 50_000,
                 "(:" * 100_000 + ")" * 100_000, "*/" + "/*" * 150_000, "/**/" * 75_000):  # fmt: skip
        swallowed(changed(PLAIN, n6={"text": text}))
        sheet = on_canvas(PLAIN)
        next(one for one in sheet["nodes"] if one["id"] == 6)["widgets_values"] = [text]
        swallowed(sheet)


def test_ten_passes_and_more_are_refused():
    graph = dict(PLAIN)
    for n in range(20, 40):
        before = "3" if n == 20 else str(n - 1)
        graph[str(n)] = {**PLAIN["3"], "inputs": {**PLAIN["3"]["inputs"], "latent_image": [before, 0]}}
    with pytest.raises(InputError, match="over 12 passes"):
        read(changed(graph, n8={"samples": ["39", 0]}))
