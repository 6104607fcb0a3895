"""Clip skip as each program counts it, by the family of the model, in both directions."""

import pytest

from studio.families import Family
from studio.pictures.clip_skip import CONVENTIONS, from_studio, to_studio
from studio.plugins import find, names

# Our clip skip for 1, 2 and 3 there (of InvokeAI for 0, 1 and 2); None where the layer is not available.
TABLE = {
    ("A1111", "sd1"): (1, 2, 3),
    ("A1111", "sd2"): (1, 1, 1),
    ("A1111", "sdxl"): (1, 1, 1),
    ("Civitai", "sd1"): (1, 2, 3),
    ("Civitai", "sd2"): (1, 1, 2),
    ("Civitai", "sdxl"): (1, 1, 2),
    ("ComfyUI", "sd1"): (1, 2, 3),
    ("ComfyUI", "sd2"): (None, 1, 2),
    ("ComfyUI", "sdxl"): (None, 1, 2),
    ("Fooocus", "sd1"): (1, 2, 3),
    ("Fooocus", "sd2"): (None, 1, 2),
    ("Fooocus", "sdxl"): (None, 1, 2),
    ("Forge", "sd1"): (1, 2, 3),
    ("Forge", "sd2"): (1, 2, 3),
    ("Forge", "sdxl"): (1, 1, 2),
    ("InvokeAI", "sd1"): (1, 2, 3),
    ("InvokeAI", "sd2"): (1, 2, 3),
    ("InvokeAI", "sdxl"): (1, 2, 3),
    ("SD.Next", "sd1"): (1, 2, 3),
    ("SD.Next", "sd2"): (1, 2, 3),
    ("SD.Next", "sdxl"): (1, 2, 3),
    ("SwarmUI", "sd1"): (1, 2, 3),
    ("SwarmUI", "sd2"): (None, 1, 2),
    ("SwarmUI", "sdxl"): (None, 1, 2),
    ("stable-diffusion.cpp", "sd1"): (1, 2, 3),
    ("stable-diffusion.cpp", "sd2"): (None, 1, 2),
    ("stable-diffusion.cpp", "sdxl"): (None, 1, 2),
    ("studio", "sd1"): (1, 2, 3),
    ("studio", "sd2"): (1, 2, 3),
    ("studio", "sdxl"): (1, 1, 2),
}


@pytest.mark.parametrize(("tool", "family"), TABLE)
def test_what_each_program_means(tool, family):
    first = 0 if tool == "InvokeAI" else 1
    for said, expected in zip(range(first, first + 3), TABLE[tool, family], strict=True):
        if expected is None:
            with pytest.raises(ValueError, match="after the one that the model was trained with"):
                to_studio(said, tool, family)
        else:
            assert to_studio(said, f"{tool} v1.2", family) == expected


@pytest.mark.parametrize(("tool", "family"), [key for key in TABLE if key not in {("A1111", "sd2"), ("A1111", "sdxl")}])
def test_what_is_written_is_read_as_the_same(tool, family):
    for skip in (1, 2, 3):
        assert to_studio(from_studio(skip, tool, family), tool, family) == skip


def test_every_program_is_in_the_table_for_every_family_that_has_clip_skip():
    families: dict[str, Family] = {name: find("families", name).FAMILY for name in names("families")}
    skipping = {name for name, family in families.items() if family.capabilities.prompt_weighting}
    assert set(TABLE) == {(tool, family) for tool in CONVENTIONS for family in skipping}


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_other_families_have_none(tool):
    for count in (to_studio, from_studio):
        with pytest.raises(ValueError, match="has no clip skip"):
            count(2, tool, "flux1")
    assert to_studio(0 if tool == "InvokeAI" else 1, tool, "flux1") == 1


def test_a_program_that_is_not_named_counts_as_a1111():
    assert [to_studio(2, "", family) for family in ("sd1", "sdxl")] == [2, 1]


def test_without_a_family_only_what_is_the_same_in_all_is_known():
    assert to_studio(1, "A1111") == to_studio(1, "Forge f2.0") == to_studio(1, "Civitai") == 1
    assert to_studio(2, "SD.Next") == 2
    for tool, said in (("A1111", 2), ("Forge", 2), ("ComfyUI", 1), ("SwarmUI", 2)):
        with pytest.raises(ValueError, match="depends on the model's family"):
            to_studio(said, tool)
