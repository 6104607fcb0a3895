import json

import pytest

from studio.lora.library import metadata
from studio.lora.library.claims import Claim
from tests.lora.told import KOHYA


def test_what_trainers_write():
    said = list(metadata.read_claims(KOHYA))
    for claim in (
        Claim("title", "Neon Outline", "modelspec.title"),
        Claim("title", "neon_outline_v2", "ss_output_name"),
        Claim("base", "stable-diffusion-v1/lora", "modelspec.architecture"),
        Claim("base", "v1-5-pruned-emaonly.safetensors", "ss_sd_model_name"),
        Claim("trigger", "neon lines", "modelspec.trigger_phrase"),
        Claim("licence", "cc-by-4.0", "modelspec.license"),
        Claim("author", "Studio Anna", "modelspec.author"),
    ):
        assert claim in said
    assert not any(claim.source == "ss_v2" for claim in said)


def test_tags_are_counted_over_all_folders():
    frequency = {"1_a": {"neon": 3, "red": 1}, "2_b": {"neon": 4}, "3_c": "odd", "4_d": {"x": "many", "y": -1, " ": 5}}
    assert metadata.tags({"ss_tag_frequency": json.dumps(frequency)}) == (("neon", 7), ("red", 1))


@pytest.mark.parametrize("hostile", ["", "{", "[]", "null", "[" * 100_000, '{"a": 1}'])
def test_broken_tags_are_none(hostile):
    assert metadata.tags({"ss_tag_frequency": hostile}) == ()
