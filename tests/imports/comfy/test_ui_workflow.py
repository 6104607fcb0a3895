"""A canvas says what the server would have run."""

import pytest

from studio.imports.comfy import graph, ui_workflow
from tests.imports.comfy.graphs import FROM_FILE, PLAIN, TWO_PASSES, node, on_canvas, read


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("one", [PLAIN, TWO_PASSES, FROM_FILE])
def test_both_forms_say_the_same(one, objects):
    found = ui_workflow.read(on_canvas(one, objects=objects))
    ran = graph.read(one)
    assert {name: (each.type, each.inputs) for name, each in found.nodes.items()} == {
        name: (each.type, each.inputs) for name, each in ran.nodes.items()
    }


def inputs(name, sheet):
    return ui_workflow.read(sheet).nodes[name].inputs


def relink(sheet, kind, *, value=None, inputs=(), outputs=(), mode=0, between=("4", 0, "3", "model")):
    """Put a node between two others."""
    origin, slot, target, key = between
    sheet["nodes"].append({"id": 50, "type": kind, "mode": mode, "widgets_values": value or [],
                           "inputs": list(inputs) or [{"name": "", "type": "*", "link": 900}],
                           "outputs": list(outputs)})  # fmt: skip
    sheet["links"] += [[900, int(origin), slot, 50, 0, "*"], [901, 50, 0, int(target), 0, "*"]]
    for one in next(each for each in sheet["nodes"] if each["id"] == int(target))["inputs"]:
        if one["name"] == key:
            one["link"] = 901
    return sheet


def test_reroutes_are_passed():
    assert inputs("3", relink(on_canvas(PLAIN), "Reroute"))["model"] == graph.Link("4", 0)


def test_a_bypassed_node_passes_on_what_is_of_its_outputs_kind():
    lora = {
        "inputs": [{"name": "clip", "type": "CLIP", "link": 2}, {"name": "model", "type": "MODEL", "link": 900}],
        "outputs": [{"name": "MODEL", "type": "MODEL"}],
    }
    sheet = relink(on_canvas(PLAIN), "LoraLoader", value=["neon.safetensors", 1, 1], mode=4, **lora)
    assert inputs("3", sheet)["model"] == graph.Link("4", 0)
    assert "50" not in ui_workflow.read(sheet).nodes


def test_a_muted_node_is_not_there():
    sheet = relink(on_canvas(PLAIN), "LoraLoader", mode=2)
    assert "model" not in inputs("3", sheet)
    assert "it is unknown; choose one" in read(sheet).skipped[0].why


def test_a_primitive_node_gives_its_value_to_a_setting_that_became_an_input():
    sheet = on_canvas(PLAIN)
    sampler = next(one for one in sheet["nodes"] if one["id"] == 3)
    sampler["inputs"].append({"name": "steps", "type": "INT", "link": 70, "widget": {"name": "steps"}})
    sheet["nodes"].append({"id": 40, "type": "PrimitiveNode", "widgets_values": [12, "fixed"], "outputs": []})
    sheet["links"].append([70, 40, 0, 3, 4, "INT"])
    assert inputs("3", sheet)["steps"] == 12
    assert inputs("3", sheet)["cfg"] == 2.0


def test_what_one_node_sets_another_gets():
    sheet = relink(on_canvas(PLAIN), "GetNode", value=["my model"], inputs=[{"name": "x", "type": "*", "link": None}])
    sheet["nodes"].append({"id": 51, "type": "SetNode", "widgets_values": ["my model"],
                           "inputs": [{"name": "MODEL", "type": "MODEL", "link": 900}]})  # fmt: skip
    assert inputs("3", sheet)["model"] == graph.Link("4", 0)


def test_settings_may_lack_what_becomes_of_a_seed():
    sheet = on_canvas(PLAIN)
    sampler = next(one for one in sheet["nodes"] if one["id"] == 3)
    sampler["widgets_values"].remove("randomize")
    assert inputs("3", sheet) == graph.read(PLAIN).nodes["3"].inputs


def test_settings_of_an_unknown_node_go_by_the_names_it_lists():
    sheet = on_canvas({**PLAIN, "20": node("Mystery")})
    mystery = next(one for one in sheet["nodes"] if one["id"] == 20)
    mystery["inputs"] = [{"name": name, "widget": {"name": name}, "link": None} for name in ("seed", "size")]
    mystery["widgets_values"] = [5, "fixed", 64]
    assert inputs("20", sheet) == {"seed": 5, "size": 64}


def subgraph(given, values=(), proxies=None):
    """A sheet whose sampler and prompt stand in a subgraph; ``given`` are the host's inputs."""
    inner = on_canvas({name: PLAIN[name] for name in ("3", "6", "7", "8")}, objects=True)
    kept, ends = [], []
    for link in inner["links"]:
        if link["origin_id"] in (4, 5):
            ends.append({"name": link["type"].lower(), "type": link["type"], "origin": link["origin_id"]})
            link |= {"origin_id": -10, "origin_slot": len(ends) - 1}
        kept.append(link)
    encode = next(one for one in inner["nodes"] if one["id"] == 6)
    encode["inputs"].append({"name": "text", "type": "STRING", "link": 80, "widget": {"name": "text"}})
    ends.append({"name": "text", "type": "STRING"})
    kept += [{"id": 80, "origin_id": -10, "origin_slot": len(ends) - 1, "target_id": 6, "target_slot": 1},
             {"id": 81, "origin_id": 8, "origin_slot": 0, "target_id": -20, "target_slot": 0}]  # fmt: skip
    one = {"id": "abc-def", "name": "Draw", "inputs": ends, "outputs": [{"name": "IMAGE", "linkIds": [81]}]}
    outer = on_canvas({name: PLAIN[name] for name in ("4", "5")})
    slots = {"MODEL": (4, 0), "CLIP": (4, 1), "VAE": (4, 2), "LATENT": (5, 0)}
    hosted = [{"name": end["name"], "type": end["type"], "link": 60 + n} for n, end in enumerate(ends[:-1])]
    outer["links"] += [[60 + n, *slots[end["type"]], 57, n, end["type"]] for n, end in enumerate(ends[:-1])]
    host = {"id": 57, "type": "abc-def", "inputs": hosted + given, "widgets_values": list(values)}
    host |= {"properties": {"proxyWidgets": proxies}} if proxies else {}
    save = {"id": 9, "type": "SaveImage", "inputs": [{"name": "images", "type": "IMAGE", "link": 62}]}
    save["inputs"][0]["link"] = 99
    outer["nodes"] += [host, save]
    outer["links"].append([99, 57, 0, 9, 0, "IMAGE"])
    return {**outer, "definitions": {"subgraphs": [{**one, "nodes": inner["nodes"], "links": kept}]}}


def test_a_subgraph_stands_for_its_nodes():
    sheet = subgraph([{"name": "text", "link": None, "widget": {"name": "text"}}], proxies=[["6", "text"]])
    found = ui_workflow.read(sheet)
    assert found.nodes["9"].inputs["images"] == graph.Link("57:8", 0)
    assert found.nodes["57:3"].inputs["model"] == graph.Link("4", 0)
    assert read(sheet).values == read(PLAIN).values


def test_a_value_on_a_subgraphs_host_counts():
    sheet = subgraph([{"name": "text", "link": None, "widget": {"name": "text"}}], ["a blue star"])
    assert read(sheet).values["prompt"] == "a blue star"


def widget(name, kind="STRING", link=None):
    return {"name": name, "type": kind, "link": link, "widget": {"name": name}}


@pytest.mark.parametrize(
    ("given", "values", "proxies"),
    [
        ([widget("text")], ["a blue star"], None),
        ([widget("width", "INT"), widget("text")], [64, "a blue star"], None),
        ([{"name": "height", "type": "INT", "link": None}, widget("text")], ["a blue star"], None),
        ([widget("text")], [3, None, "a blue star"], [["3", "steps"], ["3", "seed"], ["-1", "text"]]),
        ([widget("text")], {"text": "a blue star"}, None),
    ],
)
def test_values_on_a_subgraphs_host_go_by_its_inputs_that_have_a_widget(given, values, proxies):
    sheet = subgraph(given, (), proxies)
    next(one for one in sheet["nodes"] if one["id"] == 57)["widgets_values"] = values
    assert read(sheet).values["prompt"] == "a blue star"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a star /* コメント\nmore */ and // not this\na moon", "a star  and \na moon"),
        ("see https://example.org/x", "see https:"),
        ("/* open a star", "/* open a star"),
        ("a /*/ b */ star /* open", "a  star /* open"),
        ("a //* star\r\nmoon */", "a \r\nmoon */"),
        (r"{a|b} \{c\|d\}", r"{a|b} \{c\|d\}"),
    ],
)
def test_comments_are_cut_and_escaped_braces_are_plain_on_a_canvas(written, expected):
    sheet = on_canvas(PLAIN)
    next(one for one in sheet["nodes"] if one["id"] == 6)["widgets_values"] = [written]
    assert read(sheet).values["prompt"] == expected


def test_comments_and_braces_are_plain_text_in_what_ran_and_in_what_other_nodes_say():
    written = "a {red|blue} star // one"
    ran = read({**PLAIN, "6": node("CLIPTextEncode", text=written, clip=["4", 1])})
    assert ran.values["prompt"] == r"a \{red\|blue\} star // one"
    sheet = on_canvas(PLAIN)
    encode = next(one for one in sheet["nodes"] if one["id"] == 6)
    encode["inputs"].append({"name": "text", "type": "STRING", "link": 70, "widget": {"name": "text"}})
    sheet["nodes"].append({"id": 40, "type": "PrimitiveStringMultiline", "widgets_values": [written], "outputs": []})
    sheet["links"].append([70, 40, 0, 6, 1, "STRING"])
    assert read(sheet).values["prompt"] == r"a \{red\|blue\} star // one"
