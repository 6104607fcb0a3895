import pytest

from studio.errors import ModelError
from studio.lora.library import privacy
from studio.lora.library.card import LoraCard
from studio.lora.library.lora_summary import about
from studio.model_files.hash_cache import HashCache
from studio.model_files.header import Header
from tests import here
from tests.lora.told import A1111, CIVITAI, KOHYA, LORA_MANAGER, TARGETS, beside, write

SD15 = {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k": (1280, 768)}
SDXL = {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k": (1280, 2048)}


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "neon.safetensors", KOHYA)


def made(tmp_path, base="", **how):
    return LoraCard.read(write(tmp_path / "x.safetensors", {"ss_base_model_version": base}, **how))


def test_a_card_gathers_what_is_said_everywhere(file):
    beside(file, json=A1111, civitai_info=CIVITAI, metadata_json=LORA_MANAGER)
    file.with_suffix(".preview.png").write_bytes(b"")
    card = LoraCard.read(file)
    assert (card.name, card.path, card.family) == ("neon", file, "sd1")
    assert (card.title, card.base, card.weight) == ("Neon Outline by Anna", "SD 1.5", 0.9)
    assert card.triggers == ("neon lines", "glowing outline")
    assert card.tags[0] == ("neon lines", 28)
    assert card.preview == file.with_suffix(".preview.png")
    assert [claim.source for claim in card.licence] == ["neon.civitai.info", "neon.metadata.json", "modelspec.license"]
    assert (card.author, card.description, card.notes) == ("anna", "Glowing outlines .", ())


def test_a_file_that_nobody_says_anything_of(tmp_path):
    card = LoraCard.read(write(tmp_path / "x.safetensors"))
    assert (card.title, card.base, card.family, card.weight) == ("x", "", "", 1.0)
    assert (card.triggers, card.licence, card.preview) == ((), (), None)


def test_a_card_is_read_anew_where_a_sidecar_has_changed(file):
    assert LoraCard.read(file).weight == 1
    beside(file, json=A1111)
    assert LoraCard.read(file).weight == 0.7


@pytest.mark.parametrize(
    ("base", "family"),
    [
        ("sd_v1", "sd1"),
        ("SD 1.5", "sd1"),
        ("sd_v2_768_v", "sd2"),
        ("sdxl_base_v1-0", "sdxl"),
        ("Pony", "sdxl"),
        ("Pony V7", "auraflow"),
        ("Illustrious", "sdxl"),
        ("stable-diffusion-xl-v1-base/lora", "sdxl"),
        ("sd3m", "sd3"),
        ("Flux.1 D", "flux1"),
        ("flux-1-dev/lora", "flux1"),
        ("black-forest-labs/FLUX.2-klein-4B", "flux2"),
        ("Qwen", "qwen_image"),
        ("ZImageTurbo", "z_image"),
        ("Chroma", "chroma"),
        ("something of tomorrow", ""),
        ("", ""),
    ],
)
def test_the_family_by_what_is_said(tmp_path, base, family):
    assert made(tmp_path, base).family == family


@pytest.mark.parametrize(("targets", "family"), [(SD15, "sd1"), (SDXL, "sdxl"), (TARGETS, "")])
def test_the_family_by_the_tensors(tmp_path, targets, family):
    assert made(tmp_path, targets=targets).family == family


def test_tensors_count_where_they_contradict_what_is_said(tmp_path):
    card = made(tmp_path, "sdxl_base_v1-0", targets=SD15)
    assert card.family == "sd1"
    assert card.notes == (
        "ss_base_model_version says it is for sdxl_base_v1-0; its tensors are those of a LoRA for Stable Diffusion 1",
    )


def test_bases_that_contradict_one_another_are_said(file):
    beside(file, civitai_info={"baseModel": "SDXL 1.0"})
    card = LoraCard.read(file)
    assert card.family == ""
    assert card.notes == ("the claims about its base model differ: SDXL 1.0, stable-diffusion-v1/lora",)


def test_what_does_not_fit_says_why(tmp_path, file):
    spark = here.card("spark")
    half = TARGETS | {"lora_unet_nowhere": (8, 8)}
    assert LoraCard.read(file).fits(spark) == ""
    assert made(tmp_path, targets=SDXL).fits(spark) == "made for Stable Diffusion XL; spark is Stable Diffusion 1"
    assert made(tmp_path, targets=SD15).fits(spark) == "made for a model with matrices of other sizes than spark has"
    assert made(tmp_path, targets=half).fits(spark) == "fits spark only in part"
    other = {"lora_unet_nowhere": (8, 8)}
    assert made(tmp_path, targets=other).fits(spark) == "made for a model with other modules than spark has"


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "{",
        "[" * 50_000,
        '{"a": {"b": 1e999}}',
        "\x1b[2J\u202e",
        "<script>" * 9_000,
        "/" * 99_999,
        "C:\\" * 30_000,
        "é" * 99,
    ],
)
def test_hostile_metadata_is_only_text(tmp_path, hostile):
    file = write(tmp_path / "x.safetensors", dict.fromkeys(KOHYA, hostile))
    said = [*about(LoraCard.read(file), HashCache())]
    assert not any("<script" in how for what, how in said if what != "trigger")
    assert all(how.isprintable() for _, how in [*said, *privacy.findings(Header.read(file).metadata)])
    privacy.scrub(file, tmp_path / "clean.safetensors")


def test_no_lora_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"\x80\x02}")
    with pytest.raises(ModelError, match="pickled"):
        LoraCard.read(tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="cannot be read"):
        LoraCard.read(tmp_path / "y.safetensors")
