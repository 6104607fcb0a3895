"""LoRAs on Spark: worn, they are what merging by hand makes; off, nothing is left of them."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from studio.config import shipped
from studio.diffusion.engine import Engine
from studio.errors import InputError, ModelError
from studio.models.card import ModelCard
from studio.parameters.conditioning import Guide, Region
from studio.parameters.request import Request
from studio.prompts.lora import Lora
from tests import here
from tests.diffusion import small
from tests.lora import lorafiles

CARD = ModelCard.read(shipped("assets") / "spark")
TASK = "text-to-image"
PARTS = ("unet", "text_encoder")


@pytest.fixture(scope="module")
def pipelines():
    return here.pipelines()


@pytest.fixture(scope="module")
def draw(pipelines):
    def drawn(*loras, prompt="three yellow stars on navy", steps=2, seed=3, note=lambda account: None, guidance=4.0):
        guide = Guide(loras=tuple(map(Lora.parse, loras)))
        request = Request(prompt=prompt, steps=steps, guidance=guidance, width=64, height=64, guide=guide)
        return Engine(pipelines, seed, note=note).denoise(CARD, request)

    return drawn


@pytest.fixture(scope="module")
def plain(draw):
    return draw()


@pytest.fixture(scope="module")
def by_hand():
    """A picture of Spark whose weights were merged in float64, by a process' other pipelines."""
    own = here.pipelines()
    pipeline = own.get(CARD, TASK)
    before = {(part, name): module.weight.detach().clone() for part in PARTS
              for name, module in lorafiles.modules(pipeline, part).items()}  # fmt: skip

    def drawn(changes, strength):
        with torch.no_grad():
            for (part, name), of in changes.items():
                made = lorafiles.merged(of, before[part, name].double().numpy(), strength)
                getattr(pipeline, part).get_submodule(name).weight.copy_(torch.from_numpy(made))
        request = Request(prompt="three yellow stars on navy", steps=2, guidance=4.0, width=64, height=64)
        made = Engine(own, 3).denoise(CARD, request)
        with torch.no_grad():
            for (part, name), weight in before.items():
                getattr(pipeline, part).get_submodule(name).weight.copy_(weight)
        return made

    return drawn


@pytest.mark.parametrize("name", lorafiles.FORMS)
def test_a_picture_is_that_of_the_same_file_merged_by_hand(name, pipelines, draw, plain, by_hand, tmp_path):
    spark, form = pipelines.get(CARD, TASK), lorafiles.FORMS[name]
    size = 0.3 if name in {"LoHa", "LoHa, flat", "LoKr in factors"} else 0.1  # whose factors multiply each other
    path, changes = lorafiles.file(tmp_path / "one.safetensors", spark, form, size=size, every=4)
    for strength in (1, 0.6, -0.5):
        made = draw(f"{path}:{strength}")
        assert small.difference(made, by_hand(changes, strength)) <= 1
        assert small.difference(made, plain) > 5
    assert draw() == plain


@pytest.fixture(scope="module")
def files(pipelines, tmp_path_factory):
    """Files by what they change: two of both parts, one of the U-Net alone, one of the text encoder alone."""
    home, spark = tmp_path_factory.mktemp("loras"), pipelines.get(CARD, TASK)
    made = {
        name: lorafiles.file(home / f"{name}.safetensors", spark, form, seed=n, size=0.1, every=3, components=parts)[0]
        for n, (name, form, parts) in enumerate(
            [
                ("one", lorafiles.lora, PARTS),
                ("other", lorafiles.dora_out, PARTS),
                ("unet", lorafiles.lora, ("unet",)),
                ("text", lorafiles.lora, ("text_encoder",)),
            ]
        )
    }
    pipelines.loras.restore(CARD, spark)
    return made


def weights(pipelines):
    loaded = pipelines.loaded(CARD, TASK)
    return {(part, name): value.clone() for part in PARTS for name, value in getattr(loaded, part).named_parameters()}


def same(some, others):
    return some.keys() == others.keys() and all(torch.equal(some[key], others[key]) for key in some)


def test_the_weights_stay_on_for_the_next_picture_and_go_when_the_plain_model_is_wanted(pipelines, draw, files, plain):
    pipelines.get(CARD, TASK)
    own, state = weights(pipelines), small.state(pipelines.loaded(CARD, TASK))
    draw(f"{files['one']}:0.8")
    assert not same(weights(pipelines), own)
    assert small.state(pipelines.loaded(CARD, TASK)) == state  # nothing wrapped, replaced or moved
    assert pipelines.get(CARD, "image-to-image").unet is pipelines.loaded(CARD, TASK).unet
    assert same(weights(pipelines), own)
    assert draw() == plain


def test_after_a_lora_a_picture_is_that_of_a_fresh_process(draw, files):
    from hashlib import sha256

    from studio.tensors.hardware import threads
    from tests.diffusion.alone import alone

    fresh = alone("import hashlib; print(json.dumps(hashlib.sha256(draw('spark', 64)[0].tobytes()).hexdigest()))")
    with threads(1):
        for loras in ([files["one"], f"{files['other']}:-0.5"], [f"{files['text']}:2"]):
            draw(*loras)
        made = draw(prompt="a star", steps=1, seed=0, guidance=5.0)
    assert sha256(made.tobytes()).hexdigest() == fresh


def test_after_an_error_in_the_midst_the_next_picture_is_as_ever(pipelines, draw, files, plain):
    def stop(step, steps):
        raise KeyboardInterrupt

    guide = Guide(loras=(Lora(files["one"]),))
    with pytest.raises(KeyboardInterrupt):
        Engine(pipelines, 3, stop).denoise(
            CARD, Request(prompt="a star", steps=2, guidance=4.0, width=64, height=64, guide=guide)
        )
    assert draw() == plain


def test_nothing_is_left_where_putting_on_breaks_off(pipelines, draw, files, plain, monkeypatch):
    from studio.lora import algorithms

    pipelines.get(CARD, TASK)
    own, factors, calls = weights(pipelines), algorithms.low_rank_factors, []

    def breaking(form, of):
        calls.append(form)
        if len(calls) == 5:
            raise MemoryError
        return factors(form, of)

    monkeypatch.setattr(algorithms, "low_rank_factors", breaking)
    guide = Guide(loras=(Lora(files["one"]),))
    with pytest.raises(MemoryError):
        pipelines.loras.stack(CARD, pipelines.loaded(CARD, TASK), guide).apply()
    assert same(weights(pipelines), own)


def test_a_stack_adds_up_in_any_order(draw, files):
    one, other = f"{files['one']}:0.7", f"{files['other']}:0.4"
    both = draw(one, other)
    assert small.difference(both, draw(other, one)) <= 1
    assert both not in (draw(one), draw(other))
    halves = f"{files['one']}:0.35"
    assert small.difference(draw(halves, halves), draw(one)) <= 1


def test_a_weight_of_nothing_is_the_plain_picture(draw, files, plain):
    assert draw(f"{files['one']}:0") == plain


def test_the_second_use_reads_no_file(draw, files, monkeypatch):
    first = draw(f"{files['one']}:0.8")
    draw(f"{files['other']}:0.8")
    monkeypatch.setattr("studio.lora.loaded_lora.LoraFile.read", None)
    assert draw(f"{files['one']}:0.8") == first
    assert draw(f"{files['one']}:0.7") != first


def test_the_text_encoders_have_a_weight_of_their_own(draw, files, plain):
    both = draw(files["one"])
    assert draw(f"{files['one']}:text=0") not in (both, plain)
    assert draw(f"{files['text']}:1:text=0") == plain
    assert draw(f"{files['text']}:0:text=0.5") == draw(f"{files['text']}:0.5") != plain


def test_blocks_have_weights_of_their_own(pipelines, draw, files, plain):
    pipelines.get(CARD, TASK)
    own = weights(pipelines)
    assert draw(f"{files['unet']}:0:up_blocks.1=0.8") not in (plain, draw(f"{files['unet']}:0.8"))
    draw(f"{files['unet']}:0:up_blocks.1=0.8")
    changed = {key for key, value in weights(pipelines).items() if not torch.equal(value, own[key])}
    assert changed
    assert all(name.startswith("up_blocks.1.") for _, name in changed)


def test_a_block_without_modules_is_refused_by_name(draw, files):
    with pytest.raises(InputError, match=r"'unet' changes nothing in 'up_block'; it changes .*up_blocks\.0"):
        draw(f"{files['unet']}:1:up_block=0.5")


def test_it_acts_from_a_step_to_another(draw, files, plain):
    name = files["unet"]
    first, last = (draw(f"{name}:1:{part}=0.5", steps=4) for part in ("to", "from"))
    whole = draw(name, steps=4)
    assert len({image.tobytes() for image in (first, last, whole, draw(steps=4))}) == 4
    assert draw(f"{name}:1:to=0.5", f"{name}:1:from=0.5", steps=4) == whole
    assert draw(f"{name}:1:from=0.25:to=0.75", f"{name}:1:to=0.25", f"{name}:1:from=0.75", steps=4) == whole


def test_one_that_would_act_in_no_step_is_refused(draw, files):
    with pytest.raises(InputError, match="acts in none of 2 steps"):
        draw(f"{files['unet']}:1:from=0.6:to=0.9")


@pytest.fixture
def shelf(files, pipelines, monkeypatch):
    """The files in the folder of parts: a prompt names them."""
    library = replace(here.library(), parts=Path(files["one"]).parent)
    monkeypatch.setattr(pipelines.loras, "_index", library.loras)


@pytest.mark.usefixtures("shelf")
def test_a_prompt_names_them_too(draw, files):
    made = draw(prompt="three yellow stars on navy<lora:one:0.8>")
    assert made == draw(f"{files['one']}:0.8")
    assert draw(files["unet"], prompt="three yellow stars on navy<lora:one:0.8>") != made


def test_the_negative_prompt_does_not(pipelines):
    request = Request(prompt="a star", negative_prompt="<lora:one>", steps=2, guidance=4.0, width=64, height=64)
    with pytest.raises(InputError, match="in the negative prompt"):
        Engine(pipelines, 3).denoise(CARD, request)


def area(mask, prompt, *loras):
    return Region(prompt, Image.new("L", (64, 64), mask), tuple(map(Lora.parse, loras)))


@pytest.mark.usefixtures("shelf")
def test_an_area_has_loras_of_its_own(pipelines, draw, files, plain):
    prompt = "three yellow stars on navy"

    def drawn(*regions, loras=()):
        guide = Guide(regions=regions, loras=tuple(map(Lora.parse, loras)))
        return Engine(pipelines, 3).denoise(
            CARD, Request(prompt=prompt, steps=2, guidance=4.0, width=64, height=64, guide=guide)
        )

    nowhere, everywhere = (drawn(area(mask, prompt, files["one"])) for mask in (0, 255))
    assert small.difference(nowhere, plain) <= 1
    assert small.difference(everywhere, plain) > 5
    written = drawn(area(255, f"{prompt}<lora:one>"))
    assert written == everywhere
    assert drawn(area(255, prompt, files["one"]), loras=[files["other"]]) != everywhere
    assert draw() == plain


def test_each_picture_of_a_batch_is_the_picture_alone(draw, files, pipelines):
    guide = Guide(loras=(Lora(files["one"]),))
    request = Request(prompt="three yellow stars on navy", steps=2, guidance=4.0, width=64, height=64, guide=guide)
    batch = small.together(Engine(pipelines), (1, 2), lambda own: own.denoise(CARD, request))
    alone = [draw(files["one"], seed=seed) for seed in (1, 2)]
    assert all(small.difference(one, other) <= 1 for one, other in zip(batch, alone, strict=True))


def test_the_record_says_what_was_worn(draw, files, pipelines):
    from studio.model_files.hash_cache import HashCache
    from studio.model_files.hashes import digest

    accounts = []
    draw(f"{files['one']}:0.8:up_blocks=0", files["text"], note=accounts.append)
    one, text = accounts[0]["loras"]
    assert one["name"] == "one"
    assert one["sha256"] == digest(Path(files["one"]), HashCache())
    assert one["asked"] == f"{files['one']}:0.8:up_blocks=0"
    assert 0 < one["modules"] < one["of"]
    assert text["modules"] == text["of"] == 6
    draw(note=accounts.append)
    assert "loras" not in accounts[1]


def test_words_that_came_along_are_known(draw, files, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(files["unet"])
    tensors["bundle_emb.xyzzy.string_to_param.*"] = torch.randn(2, 160, generator=torch.Generator().manual_seed(1))
    save_file(tensors, tmp_path / "bundle.safetensors")
    bundle = str(tmp_path / "bundle.safetensors")
    prompt = "three xyzzy stars on navy"
    assert draw(bundle, prompt=prompt) != draw(files["unet"], prompt=prompt)
    assert draw(bundle) == draw(files["unet"])


def test_what_does_not_fit_as_a_whole_is_refused_by_name_and_changes_nothing(pipelines, files, draw, plain, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(files["unet"])
    name = next(key for key in tensors if "lora_down" in key)
    wrong = {
        "shape": tensors | {name: torch.zeros(tensors[name].shape[0], 7)},
        "module": tensors | {name.replace("lora_unet_", "lora_unet_more_"): torch.zeros(2, 7)},
        "stray": tensors | {"something.else": torch.zeros(2)},
    }
    for case, held in wrong.items():
        save_file(held, tmp_path / f"{case}.safetensors")
        with pytest.raises(InputError, match=f"the LoRA '{case}' does not fit spark: .* of its .* modules do, but not"):
            draw(str(tmp_path / f"{case}.safetensors"))
    assert draw() == plain


def test_a_part_of_a_file_is_taken_where_that_is_asked_for_and_recorded(files, draw, tmp_path):
    from safetensors.torch import load_file, save_file

    save_file(load_file(files["unet"]) | {"lora_unet_more.diff": torch.ones(3)}, tmp_path / "more.safetensors")
    accounts = []
    part = draw(f"{tmp_path / 'more.safetensors'}:1:partial=1", note=accounts.append)
    assert part == draw(files["unet"])
    assert accounts[0]["loras"][0]["unfit"] == ["lora_unet_more"]
    save_file({"lora_unet_more.diff": torch.ones(3)}, tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="0 of its 1 modules do, but not lora_unet_more; choose one"):
        draw(f"{tmp_path / 'none.safetensors'}:1:partial=1")


def test_a_file_with_holes_is_refused(files, draw, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(files["unet"])
    name = next(key for key in tensors if "lora_down" in key)
    tensors[name].flatten()[0] = float("nan")
    save_file(tensors, tmp_path / "holes.safetensors")
    with pytest.raises(ModelError, match=f"holes.safetensors' holds NaN or infinity in '{name}'"):
        draw(str(tmp_path / "holes.safetensors"))


def test_a_file_that_is_written_over_is_another(files, draw, plain, tmp_path):
    (path := tmp_path / "style.safetensors").write_bytes(Path(files["unet"]).read_bytes())
    first = draw(str(path))
    path.write_bytes(Path(files["text"]).read_bytes())
    assert draw(str(path)) == draw(files["text"]) != first


def test_a_lora_that_is_not_there_is_named(draw):
    with pytest.raises(InputError, match="'nowhere'"):
        draw("nowhere")


def test_peft_and_kohya_write_one_and_the_same(draw, files, tmp_path):
    """But that peft's has alpha in its configuration; magnitudes of convolutions are (1, out, 1, 1)."""
    from safetensors.torch import load_file, save_file

    tensors, spark = load_file(files["other"]), here.pipelines().get(CARD, TASK)
    names = {lorafiles.PREFIXES[part] + module.replace(".", "_"): (part, module)
             for part in PARTS for module in lorafiles.modules(spark, part)}  # fmt: skip
    other = {}
    for name, values in tensors.items():
        target, _, role = name.partition(".")
        prefix = ".".join(names[target])
        rank, alpha = len(tensors[f"{target}.lora_down.weight"]), float(tensors[f"{target}.alpha"])
        if role == "lora_up.weight":
            other[f"{prefix}.lora_B.weight"] = values * alpha / rank
        elif role == "lora_down.weight":
            other[f"{prefix}.lora_A.weight"] = values
        elif role == "dora_scale":
            flat = values.flatten()
            other[f"{prefix}.lora_magnitude_vector"] = flat.reshape(1, -1, 1, 1) if values.ndim == 4 else flat
    save_file(other, tmp_path / "peft.safetensors")
    assert small.difference(draw(str(tmp_path / "peft.safetensors")), draw(files["other"])) <= 1
