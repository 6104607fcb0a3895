"""From what another tool says to a job: what is here is put in its place, and the rest is named."""

import pytest

from studio.errors import InputError
from studio.images.image_file import open_image
from studio.imports.imported_settings import Asset, ImportedSettings, SkippedSetting
from studio.imports.imported_workflow import ImportedWorkflow
from studio.imports.importing import import_file, import_settings
from studio.lora.library.hashes import Digests
from studio.model_files.hash_cache import HashCache
from studio.workflow.job import Job
from tests import here
from tests.lora import files


@pytest.fixture
def neon(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_PARTS", str(tmp_path))
    monkeypatch.setattr("studio.lora.library.lora_index.shipped", lambda _: tmp_path / "none came along")
    return files.write(files.kohya("lora_unet_mid_block_attentions_0_proj_in", (8, 8)), tmp_path / "neon.safetensors")


def own(tmp_path):
    return Digests.of(tmp_path / "neon.safetensors", HashCache()).autov3


def test_models_and_loras_take_their_place(neon, tmp_path):
    assets = (
        Asset("model", "spark"),
        Asset("lora", "Neon", (own(tmp_path),), 0.8, 0.5),
        Asset("lora", "ink", ("ab" * 6,)),
    )
    found = import_settings(ImportedSettings("X", values={"prompt": "a cat", "seed": 5}, assets=assets), here.library())
    assert found.values == {"prompt": "a cat", "seed": 5, "model": "spark", "loras": ["neon:0.8:text=0.5"]}
    assert [(one.name, one.sure) for one in found.matched] == [("neon", True), ("spark", False)]
    assert [str(one) for one in found.missing] == ["LoRA ink (abababababab)"]
    assert found.job({"steps": 3}, here.library()).values["loras"] == ["neon:0.8:text=0.5"]


@pytest.mark.parametrize("assets", [(Asset("model", "dream", ("879db523c3",)),), ()])
def test_no_other_model_is_used_unasked(assets):
    found = import_settings(ImportedSettings("X", values={"prompt": "a"}, assets=assets), here.library())
    assert (found.models_to_choose, found.form_values) == (("model",), {"model": None, "prompt": "a"})
    with pytest.raises(InputError, match="no other is used instead") as refused:
        found.job({}, here.library())
    assert set(refused.value.wrong) == {"model"}
    assert found.job({"model": "spark"}, here.library()).models() == ["spark"]
    *missing, choose = found.messages()
    assert missing == ["model dream (879db523c3): it is not here; to add it: studio models add FILE"][: len(assets)]
    assert choose.endswith("choose one")


def test_a_model_that_is_missing_is_named():
    strange = import_settings(ImportedSettings("X", assets=(Asset("model", "dream", ("blake3:aa",)),)), here.library())
    assert "blake3 hash cannot be compared" in strange.missing[0].why


def test_what_no_workflow_takes_is_named(neon):
    values = {"prompt": "a", "steps": 900, "joy": 3}
    found = import_settings(
        ImportedSettings(
            "X", values=values, assets=(Asset("lora", "neon", (), 99.0),), skipped=(SkippedSetting("a", "b", "c"),)
        ),
        here.library(),
    )
    assert found.values == {"prompt": "a"}
    assert [one.name for one in found.skipped] == ["a", "steps", "joy", "lora"]


def test_a_definition_is_taken_by_the_names_here(neon):
    steps = {
        "style": {"use": "lora", "loras": ["Neon.safetensors:0.5", "gone:1"]},
        "draw": {"use": "generate", "model": "dream", "guide": "$style"},
    }
    definition = {"title": "Two", "inputs": {"prompt": "draw.prompt", "steps": "draw.steps"}, "steps": steps}
    assets = (Asset("model", "dream"), Asset("lora", "Neon.safetensors"), Asset("lora", "gone"))
    foreign = ImportedSettings("ComfyUI", definition=definition, values={"prompt": "a", "steps": 3}, assets=assets)
    found = import_settings(foreign, here.library())
    assert found.definition["steps"] == {
        "style": {"use": "lora", "loras": ["neon:0.5"]},
        "draw": {"use": "generate", "guide": "$style"},
    }
    assert found.models_to_choose == ("model",)
    assert found.job({"model": "spark"}, here.library()).values == {"prompt": "a", "steps": 3, "model": "spark"}
    plain = import_settings(foreign, here.library(), shipped=True)
    assert (plain.workflow.name, plain.values["steps"], plain.skipped[0].name) == ("text-to-image", 3, "Workflow")


def test_a_definition_that_lacks_a_part_is_written_and_the_plain_workflow_used():
    steps = {
        "lines": {"use": "lines", "image": "$made"},
        "made": {"use": "generate", "model": "spark"},
    }
    definition = {"title": "Odd", "inputs": {"prompt": "made.prompt"}, "steps": steps}
    found = import_settings(ImportedSettings("ComfyUI", definition=definition, values={"prompt": "a"}), here.library())
    assert (found.workflow.name, found.values, found.definition) == ("text-to-image", {"prompt": "a"}, definition)
    assert "cannot be used as it is" in found.skipped[0].why


def test_a_file_brings_its_own_job_or_what_another_tool_says(pictures, tmp_path):
    job = import_file(pictures[0].path, here.library())
    assert job == pictures[0].job
    (tmp_path / "x.job.json").write_text(job.model_dump_json())
    assert import_file(tmp_path / "x.job.json", here.library()) == job
    (tmp_path / "x.txt").write_text("a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5")
    found = import_file(tmp_path / "x.txt", here.library())
    assert isinstance(found, ImportedWorkflow)
    assert found.job({"model": "spark"}, here.library()).seed == 5
    for text in ("words", "{}", '{"workflow": 1, "definition": 2, "values": 3, "seed": 4}', "[" * 100_000):
        (tmp_path / "x.txt").write_text(text)
        with pytest.raises(InputError) as refused:
            import_file(tmp_path / "x.txt", here.library())
        assert "\n" not in str(refused.value)


def test_the_text_of_our_own_pictures_says_the_same_without_their_job(pictures, tmp_path):
    (tmp_path / "x.txt").write_text(open_image(pictures[0].path).info["parameters"])
    found, job = import_file(tmp_path / "x.txt", here.library()), pictures[0].job
    assert found.tool.startswith("studio")
    assert isinstance(found.job({}, here.library()), Job)
    for name in ("prompt", "steps", "guidance", "model"):
        assert found.values[name] == job.values[name]
    assert found.values["seed"] == job.seed


PARTS = {
    "vae": {"use": "vae", "vae": "bright.safetensors", "guide": "$style"},
    "embedding": {"use": "embedding", "embedding": "glow", "word": "glow", "guide": "$style"},
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_missing_part_leaves_the_workflow_standing_and_is_asked_for(kind):
    steps = {
        "style": {"use": "lora"},
        "part": PARTS[kind],
        "draw": {"use": "generate", "model": "spark", "guide": "$part"},
    }
    definition = {"title": "From ComfyUI", "inputs": {"prompt": "draw.prompt", kind: "draw.steps"}, "steps": steps}
    name = PARTS[kind][kind]
    found = import_settings(
        ImportedSettings("ComfyUI", definition=definition, values={"prompt": "a"}, assets=(Asset(kind, name),)),
        here.library(),
    )
    assert found.workflow.name == "imported"
    assert found.definition["inputs"][f"{kind}_2"] == f"part.{kind}"
    assert [str(one) for one in found.missing] == [f"{'VAE' if kind == 'vae' else kind} {name}"]
    with pytest.raises(InputError, match=f"'{kind}_2' is required"):
        found.job({}, here.library())


@pytest.mark.parametrize(
    ("use", "workflow"), [("generate", "text-to-image"), ("edit", "image-to-image"), ("instruct", "instruct")]
)
def test_where_only_shipped_workflows_are_used_the_one_that_is_most_like_it_takes_the_settings(use, workflow):
    drawn = {"use": use, "image": "$look"} if use != "generate" else {"use": use}
    steps = {"look": {"use": "generate"}, "draw": drawn} if use == "generate" else {"draw": drawn}
    foreign = ImportedSettings(
        "ComfyUI", "comfyui", {"title": "A", "inputs": {}, "steps": steps}, {"prompt": "a", "steps": 3}
    )
    found = import_settings(foreign, here.library(), shipped=True)
    assert (found.workflow.name, found.values["steps"]) == (workflow, 3)
    assert found.skipped[0].name == "Workflow"


def test_clip_skip_is_counted_as_the_model_is():
    said = {"clip_skip": 2}
    known = import_settings(
        ImportedSettings("A1111 v1.10.1", assets=(Asset("model", "spark"),), clip_skip=said), here.library()
    )
    assert known.values["clip_skip"] == 2
    asked = import_settings(ImportedSettings("ComfyUI", values={"prompt": "a"}, clip_skip=said), here.library())
    assert "clip_skip" not in asked.values
    assert "2 for sd1, 1 for sd2, 1 for sdxl" in asked.skipped[-1].why
    assert asked.job({"model": "spark"}, here.library()).values["clip_skip"] == 2
    assert asked.job({"model": "spark", "clip_skip": 3}, here.library()).values["clip_skip"] == 3
    same = import_settings(ImportedSettings("InvokeAI", clip_skip={"clip_skip": 1}), here.library())
    assert (same.values["clip_skip"], same.skipped) == (2, ())


def test_the_clip_skip_of_a_definition_is_its_default_too():
    steps = {"draw": {"use": "generate", "model": "spark"}}
    inputs = {"prompt": {"of": "draw.prompt", "default": "a"}, "again_clip_skip": "draw.clip_skip"}
    definition = {"title": "A", "inputs": inputs, "steps": steps}
    foreign = ImportedSettings("InvokeAI", "x", definition, clip_skip={"again_clip_skip": 2})
    found = import_settings(foreign, here.library())
    assert found.definition["inputs"]["again_clip_skip"] == {"of": "draw.clip_skip", "default": 3}
    assert found.job({}, here.library()).values["again_clip_skip"] == 3
