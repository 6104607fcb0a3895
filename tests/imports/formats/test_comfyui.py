"""What ComfyUI wrote, as the studio says it."""

import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import InputError
from studio.imports.formats import comfyui
from studio.imports.imported_settings import Asset
from studio.imports.metadata_extract import EmbeddedMetadata, extract_metadata
from studio.workflow.workflow import Workflow
from tests.imports.comfy.graphs import FROM_FILE, PLAIN, TWO_PASSES, changed, node, on_canvas, read, with_spark

VALUES = {
    "prompt": "a red circle on white",
    "negative_prompt": "blue",
    "size": "128x64",
    "steps": 3,
    "guidance": 2.0,
    "sampler": "DPM++ 2M Karras",
    "seed": 7,
}


def left(found):
    return {one.name: one.value for one in found.skipped}


def uses(found):
    return {name: step["use"] for name, step in found.definition["steps"].items()}


def test_text_to_image_is_our_workflow():
    found = read(PLAIN)
    assert (found.workflow, found.definition, found.values) == ("text-to-image", None, VALUES)
    assert found.assets == (Asset("model", "spark.safetensors"),)
    assert found.skipped == ()


def test_it_is_read_from_wherever_comfyui_puts_it(tmp_path):
    info = PngInfo()
    info.add_text("prompt", json.dumps(PLAIN))
    info.add_text("workflow", json.dumps(on_canvas(TWO_PASSES)))
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", pnginfo=info)
    assert comfyui.read(extract_metadata(tmp_path / "x.png")).values == VALUES
    for texts in (
        {"workflow": json.dumps(on_canvas(PLAIN))},
        {"exif:Make": "workflow:" + json.dumps(on_canvas(TWO_PASSES)), "exif:Model": "prompt:" + json.dumps(PLAIN)},
        {"exif:Make": "Workflow:" + json.dumps(on_canvas(PLAIN)) + "\0"},
        {"json": json.dumps({"prompt": PLAIN, "client_id": "x"})},
    ):
        assert comfyui.read(EmbeddedMetadata(texts)).values == VALUES


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"prompt": "a cat"},
        {"prompt": '{"a": 1}'},
        {"json": "[]"},
        {"workflow": '{"nodes": [], "edges": []}'},
        {"json": "{" * 100_000},
        {"parameters": json.dumps(PLAIN)},
    ],
)
def test_what_is_no_graph_is_left_to_others(texts):
    assert comfyui.read(EmbeddedMetadata(texts)) is None


def test_image_to_image_counts_the_steps_of_the_whole_way():
    found = read(FROM_FILE)
    assert found.workflow == "image-to-image"
    assert {name: found.values[name] for name in ("steps", "strength")} == {"steps": 6, "strength": 0.5}
    assert left(found)["image"] == "photo.png"


def test_a_second_pass_like_the_first_is_our_large_picture():
    found = read(changed(TWO_PASSES, n11={"steps": 2, "denoise": 0.5}, n3={"steps": 4}))
    assert found.workflow == "hires"
    assert found.values == {**VALUES, "steps": 4, "strength": 0.5, "factor": 2.0}
    assert left(found) == {"upscale_method of LatentUpscale (10)": "nearest-exact"}


def test_another_second_pass_is_a_step_of_its_own_that_shares_the_prompt():
    found = read(changed(TWO_PASSES, n11={"seed": 8, "steps": 9, "cfg": 3.0}))
    assert uses(found) == {"style": "lora", "draw": "generate", "again": "edit"}
    assert found.definition["steps"]["again"]["prompt"] == "$prompt"
    assert {name: found.values[name] for name in ("steps", "again_steps", "again_guidance", "again_size")} == {
        "steps": 3, "again_steps": 18, "again_guidance": 3.0, "again_size": "256x128"}  # fmt: skip
    assert left(found)["seed of KSampler (11)"] == "8"
    assert Workflow.of("mine", with_spark(found.definition)).inputs()["prompt"].default == VALUES["prompt"]


def test_decoding_and_encoding_between_passes_is_the_same():
    between = {
        "n10": node("VAEEncode", pixels=["14", 0], vae=["4", 2]),
        "n14": node("ImageScaleBy", image=["13", 0], upscale_method="lanczos", scale_by=2.0),
        "n13": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    }
    assert read(changed(TWO_PASSES, n3={"steps": 4}, **between)).values["factor"] == 2.0


def worn(kind, **weights):
    return changed(
        PLAIN,
        n20=node("LoraLoader", model=["4", 0], clip=["4", 1], lora_name="neon.safetensors", strength_model=0.8,
                 strength_clip=0.8),
        n21=node(kind, model=["20", 0], clip=["20", 1], lora_name="sub\\paper.safetensors", **weights),
        n3={"model": ["21", 0]},
    )  # fmt: skip


def test_loras_are_named_from_the_first_to_the_last():
    found = read(worn("LoraLoader", strength_model=-0.5, strength_clip=-0.5))
    assert found.workflow == "text-to-image"
    assert found.assets == (Asset("model", "spark.safetensors"), Asset("lora", "neon.safetensors", weight=0.8),
                            Asset("lora", "sub/paper.safetensors", weight=-0.5))  # fmt: skip


def test_a_weight_of_its_own_in_the_text_encoder_stays():
    found = read(worn("LoraLoader", strength_model=0.5, strength_clip=0.3))
    assert found.workflow == "text-to-image"
    assert found.assets[1:] == (Asset("lora", "neon.safetensors", weight=0.8),
                                Asset("lora", "sub/paper.safetensors", weight=0.5, text=0.3))  # fmt: skip
    alone = read(worn("LoraLoaderModelOnly", strength_model=0.5))
    assert alone.assets[2] == Asset("lora", "sub/paper.safetensors", weight=0.5, text=0)


def test_custom_sampling_is_put_together():
    found = read(
        changed(
            PLAIN,
            n3=node("SamplerCustomAdvanced", noise=["30", 0], guider=["31", 0], sampler=["32", 0], sigmas=["33", 0],
                    latent_image=["5", 0]),
            n30=node("RandomNoise", noise_seed=2**40 + 5),
            n31=node("CFGGuider", model=["4", 0], positive=["6", 0], negative=["7", 0], cfg=4.5),
            n32=node("KSamplerSelect", sampler_name="euler_ancestral"),
            n33=node("BasicScheduler", model=["4", 0], scheduler="normal", steps=12, denoise=1.0),
        )
    )  # fmt: skip
    assert found.values == {**VALUES, "seed": 5, "steps": 12, "guidance": 4.5, "sampler": "Euler a"}


def test_flux_has_the_guidance_it_was_taught():
    found = read(
        changed(
            PLAIN,
            n4=node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
            n6={"clip": ["40", 0]},
            n7={"clip": ["40", 0]},
            n8={"vae": ["41", 0]},
            n40=node("DualCLIPLoader", clip_name1="clip_l.safetensors", clip_name2="t5xxl.safetensors", type="flux"),
            n41=node("VAELoader", vae_name="ae.safetensors"),
            n42=node("FluxGuidance", conditioning=["6", 0], guidance=3.2),
            n3={"positive": ["42", 0], "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple"},
        )
    )
    assert found.workflow == "text-to-image"
    assert (found.values["guidance"], found.values["sampler"]) == (3.2, "Euler")
    assert found.assets == (Asset("model", "flux1-dev.safetensors"),)
    assert left(found) == {"negative_prompt": "blue", "clip_name1": "clip_l.safetensors",
                           "clip_name2": "t5xxl.safetensors", "vae_name": "ae.safetensors"}  # fmt: skip


def test_a_refiner_goes_on_where_the_first_model_stopped():
    halves = {"steps": 25, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal", "noise_seed": 3}
    found = read(
        changed(
            PLAIN,
            n3=node("KSamplerAdvanced", add_noise="enable", start_at_step=0, end_at_step=20, model=["4", 0],
                    positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
                    return_with_leftover_noise="enable", **halves),
            n50=node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors"),
            n51=node("KSamplerAdvanced", add_noise="disable", start_at_step=20, end_at_step=10000, model=["50", 0],
                     positive=["6", 0], negative=["7", 0], latent_image=["3", 0],
                     return_with_leftover_noise="disable", **halves),
            n8={"samples": ["51", 0]},
        )
    )  # fmt: skip
    assert uses(found)["draw"] == "refine"
    assert [found.definition["inputs"][name]["default"] for name in ("model", "refiner")] == [
        "spark.safetensors", "refiner.safetensors"]  # fmt: skip
    assert (found.values["at"], found.values["steps"], found.values["seed"]) == (0.8, 25, 3)


def test_inpainting_asks_for_picture_and_mask():
    found = read(
        changed(
            FROM_FILE,
            n60=node("LoadImageMask", image="mask.png", channel="red"),
            n61=node("SetLatentNoiseMask", samples=["5", 0], mask=["60", 0]),
            n3={"latent_image": ["61", 0]},
            n62=node("ImageCompositeMasked", destination=["12", 0], source=["8", 0], mask=["60", 0], x=0, y=0,
                     resize_source=False),
            n9={"images": ["62", 0]},
        )
    )  # fmt: skip
    assert found.workflow == "inpaint"
    assert (left(found)["image"], left(found)["mask"]) == ("photo.png", "mask.png")


def test_padding_becomes_outpainting():
    found = read(
        changed(
            FROM_FILE,
            n5=node("VAEEncodeForInpaint", pixels=["63", 0], vae=["4", 2], mask=["63", 1], grow_mask_by=6),
            n63=node("ImagePadForOutpaint", image=["12", 0], left=64, top=0, right=128, bottom=0, feathering=40),
            n3={"denoise": 1.0},
        )
    )
    assert found.workflow == "outpaint"
    assert {name: found.values[name] for name in ("left", "above", "right", "below", "strength")} == {
        "left": 64, "above": 0, "right": 128, "below": 0, "strength": 1.0}  # fmt: skip
    assert left(found)["feathering of ImagePadForOutpaint (63)"] == "40"


def test_both_sides_of_a_controlnet_keep_their_prompt():
    found = read(
        changed(
            PLAIN,
            n70=node("ControlNetLoader", control_net_name="union.safetensors"),
            n71=node("SetUnionControlNetType", control_net=["70", 0], type="openpose"),
            n72=node("LoadImage", image="pose.png"),
            n73=node("ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["71", 0],
                     image=["72", 0], strength=0.7, start_percent=0.0, end_percent=0.6),
            n3={"positive": ["73", 0], "negative": ["73", 1]},
        )
    )  # fmt: skip
    assert uses(found) == {"style": "lora", "outline": "lines", "follow": "control", "draw": "generate"}
    assert found.values == {**VALUES, "lines": "as it is", "weight": 0.7, "until": 0.6, "shows": "pose"}
    assert found.assets[1] == Asset("controlnet", "union.safetensors")
    assert left(found)["image"] == "pose.png"


@pytest.mark.parametrize(
    ("model", "drawn"), [("ip2p", ["lora", "instruct"]), ("flux1-canny-dev", ["lora", "lines", "control", "generate"])]
)
def test_a_picture_beside_the_noise_is_changed_or_followed(model, drawn):
    found = read(
        changed(
            FROM_FILE,
            n4={"ckpt_name": f"{model}.safetensors"},
            n20=node("InstructPixToPixConditioning", positive=["6", 0], negative=["7", 0], vae=["4", 2],
                     pixels=["12", 0]),
            n3={"positive": ["20", 0], "negative": ["20", 1], "latent_image": ["20", 2], "denoise": 1.0},
        )
    )  # fmt: skip
    assert list(uses(found).values()) == drawn
    assert (found.values["prompt"], left(found)["image"]) == (VALUES["prompt"], "photo.png")
    assert Workflow.of("mine", with_spark(found.definition))


def test_areas_become_regions_over_a_ground():
    boxed = {"conditioning": ["80", 0], "width": 0.5, "height": 1.0, "x": 0.5, "y": 0.0, "strength": 1.0}
    found = read(
        changed(
            PLAIN,
            n80=node("CLIPTextEncode", text="a star", clip=["4", 1]),
            n81=node("ConditioningSetAreaPercentage", **boxed),
            n82=node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["81", 0]),
            n3={"positive": ["82", 0]},
        )
    )
    assert uses(found) == {"style": "lora", "area": "region", "draw": "generate"}
    assert found.definition["steps"]["area"]["area"] == "right"
    assert (found.values["area"], found.values["prompt"]) == ("a star", VALUES["prompt"])
    assert Workflow.of("mine", with_spark(found.definition))


@pytest.mark.parametrize(
    ("joined", "prompt"),
    [
        (node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["7", 0]),
         "a red circle on white :0.5 AND blue :0.5"),
        (node("ConditioningConcat", conditioning_to=["6", 0], conditioning_from=["7", 0]),
         "a red circle on white BREAK blue"),
    ],
)  # fmt: skip
def test_prompts_are_joined_as_our_grammar_has_it(joined, prompt):
    assert read(changed(PLAIN, n90=joined, n3={"positive": ["90", 0]})).values["prompt"] == prompt


def test_prompts_one_after_another_are_a_schedule():
    found = read(
        changed(
            PLAIN,
            n90=node("ConditioningSetTimestepRange", conditioning=["6", 0], start=0.0, end=0.4),
            n91=node("ConditioningSetTimestepRange", conditioning=["7", 0], start=0.4, end=1.0),
            n92=node("ConditioningCombine", conditioning_1=["90", 0], conditioning_2=["91", 0]),
            n3={"positive": ["92", 0]},
        )
    )
    assert found.values["prompt"] == "[a red circle on white:blue:0.4]"


def test_a_vae_an_embedding_and_clip_skip_find_their_place():
    found = read(
        changed(
            PLAIN,
            n20=node("VAELoader", vae_name="bright.safetensors"),
            n21=node("CLIPSetLastLayer", clip=["4", 1], stop_at_clip_layer=-2),
            n6={"clip": ["21", 0], "text": "a star, embedding:glow"},
            n8={"vae": ["20", 0]},
        )
    )
    assert found.definition["steps"]["decoder"] == {"use": "vae", "vae": "bright.safetensors", "guide": "$style"}
    assert found.definition["steps"]["word"] == {
        "use": "embedding", "embedding": "glow", "word": "glow", "guide": "$decoder"}  # fmt: skip
    assert (found.clip_skip, found.values["prompt"]) == ({"clip_skip": 2}, "a star, glow")
    assert {asset.kind for asset in found.assets} == {"model", "vae", "embedding"}


def test_a_picture_enlarged_at_the_end_is_drawn_over_in_tiles():
    found = read(
        changed(
            PLAIN,
            n20=node("UpscaleModelLoader", model_name="RealESRGAN_x4plus.pth"),
            n21=node("ImageUpscaleWithModel", upscale_model=["20", 0], image=["8", 0]),
            n9={"images": ["21", 0]},
        )
    )
    assert (found.definition["steps"]["enlarge"]["use"], found.values["factor"]) == ("upscale", 4)
    assert left(found)["upscaler"] == "RealESRGAN_x4plus.pth"


def test_a_file_that_is_only_enlarged_is_our_upscale():
    found = read({
        "1": node("LoadImage", image="photo.png"),
        "2": node("UpscaleModelLoader", model_name="2x_soft.pth"),
        "3": node("ImageUpscaleWithModel", upscale_model=["2", 0], image=["1", 0]),
        "4": node("PreviewImage", images=["3", 0]),
    })  # fmt: skip
    assert (found.workflow, found.values, left(found)["image"]) == ("upscale", {"factor": 2}, "photo.png")


def test_a_custom_node_is_left_by_name_and_passed():
    found = read(
        changed(
            PLAIN,
            n20={**node("FreeLunch", model=["4", 0], amount=3), "_meta": {"title": "My lunch"}},
            n3={"model": ["20", 0]},
        )
    )
    assert found.values == VALUES
    (one,) = found.skipped
    assert one.name == "FreeLunch 'My lunch' (20)"
    assert "SaveImage (9)" in one.why


def test_values_from_other_nodes_are_followed_or_left():
    given = changed(
        PLAIN,
        n20=node("PrimitiveInt", value=9),
        n21=node("StringConcatenate", string_a="a red", string_b=["22", 0], delimiter=" "),
        n22=node("PrimitiveString", value="star"),
        n23=node("Weather", place="here"),
        n3={"seed": ["20", 0], "cfg": ["23", 0]},
        n6={"text": ["21", 0]},
    )
    found = read(given)
    assert (found.values["seed"], found.values["prompt"]) == (9, "a red star")
    assert "guidance" not in found.values
    assert "Weather (23)" in left(found)


def test_samplers_that_are_not_here_are_left_with_what_is_near():
    found = read(changed(PLAIN, n3={"sampler_name": "res_multistep"}))
    assert "sampler" not in found.values
    assert found.skipped[0].why.endswith("take 'DPM++ 2M'")
    ancestral = read(changed(PLAIN, n3={"sampler_name": "euler_ancestral"}))
    assert ancestral.values["sampler"] == "Euler a"
    assert left(ancestral) == {"scheduler of KSampler (3)": "karras"}


def test_what_breaks_a_bound_is_left():
    found = read(changed(PLAIN, n3={"steps": 4000}, n5={"width": 100_000}))
    assert {"steps", "size"} <= left(found).keys()
    assert not {"steps", "size"} & found.values.keys()


def test_a_batch_is_a_count_of_pictures():
    found = read(changed(PLAIN, n5={"batch_size": 4}))
    assert found.values["count"] == 4
    assert left(found) == {"batch_size": "4"}


def test_of_several_outputs_the_last_that_is_saved_is_read():
    found = read(changed(TWO_PASSES, n30=node("PreviewImage", images=["31", 0]),
                         n31=node("VAEDecode", samples=["3", 0], vae=["4", 2])))  # fmt: skip
    assert "again_size" in found.values
    assert "PreviewImage (30)" in left(found)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (changed(PLAIN, n4=node("Efficient", model=["3", 0]), n3={"model": ["4", 0]}), "has a cycle"),
        ({"9": node("SaveImage", images=["8", 0]), "8": node("Gemini", image=["7", 0])}, r"graph: Gemini \(8\)"),
        ({"4": PLAIN["4"]}, "saves and shows no picture"),
        ({"9": node("SaveImage", images=["nowhere", 0])}, "no supported node makes"),
    ],
)
def test_a_graph_that_draws_nothing_is_refused_in_one_line(graph, message):
    with pytest.raises(InputError, match=message):
        read(graph)
