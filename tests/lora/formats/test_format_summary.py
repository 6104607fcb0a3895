import pytest

from studio.lora.formats.file import LoraFile
from studio.lora.formats.format_summary import formats, part, strengths
from tests.lora import files


def changes(tensors, tmp_path):
    return LoraFile.read(files.write(tensors, tmp_path / "x.safetensors")).layers


def kohya(tmp_path, *ranks_and_alphas):
    each = (files.kohya(f"lora_unet_{n}", (8, 8), *pair) for n, pair in enumerate(ranks_and_alphas))
    return strengths(changes({name: tensor for one in each for name, tensor in one.items()}, tmp_path))


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(4, 4.0)], "4, alpha = rank"),
        ([(8, 4.0), (4, 2.0)], "4–8, alpha = rank/2"),
        ([(4, 8.0)], "4, alpha = 2 × rank"),
        ([(8, 3.0)], "8, alpha = 0.375 × rank"),
        ([(4, 1.0), (4, 3.0)], "4, alpha 1–3"),
        ([(4, None)], "4, no alpha, which counts as alpha = rank"),
        ([(4, None), (4, 1.0)], "4, alpha 1, none for some"),
    ],
)
def test_ranks_and_alphas_in_a_few_words(tmp_path, pairs, said):
    assert kohya(tmp_path, *pairs) == said


@pytest.mark.parametrize(
    ("form", "weight", "said"),
    [
        ("lora", (8, 8), "LoRA"),
        ("lora", (8, 8, 3, 3), "LoCon"),
        ("locon", (8, 8, 3, 3), "LoCon"),
        ("dora", (8, 8), "DoRA"),
        ("loha", (8, 8), "LoHa"),
        ("lokr", (8, 8), "LoKr"),
        ("oft", (8, 8), "OFT"),
        ("ia3", (8, 8), "(IA)³"),
        ("glora", (8, 8), "GLoRA"),
        ("full", (8, 8), "whole difference"),
    ],
)
def test_each_format_has_its_name(tmp_path, form, weight, said):
    tensors = {f"lora_unet_x.{end}": tensor for end, tensor in files.forms(weight)[form].items()}
    assert formats(changes(tensors, tmp_path)) == f"kohya: {said} (1)"


@pytest.mark.parametrize(
    ("target", "maker"),
    [
        ("lycoris_mid_block_x", "LyCORIS"),
        ("base_model.model.x", "PEFT"),
        ("diffusion_model.x", "the makers' own names"),
        ("transformer.x", "diffusers"),
    ],
)
def test_whose_names_they_are(tmp_path, target, maker):
    assert formats(changes(files.peft(target, (8, 8)), tmp_path)) == f"{maker}: LoRA (1)"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("lora_unet_mid_block_x", "denoiser"),
        ("transformer.x", "denoiser"),
        ("lora_te_text_model_x", "text encoder"),
        ("lora_te1_text_model_x", "text encoder"),
        ("lora_te2_text_model_x", "text encoder 2"),
        ("text_encoder.text_model.x", "text encoder"),
        ("text_encoder_2.text_model.x", "text encoder 2"),
        ("lycoris_text_model_encoder_x", "text encoder"),
    ],
)
def test_the_part_a_module_is_in(target, said):
    assert part(target) == said
