from studio.families.base.state_dict_keys import OriginalModule, StateDictKeys

NAMES = StateDictKeys(
    {
        "img_in": "x_embedder",
        "double.*.qkv": "blocks.*.to_{q,k,v}",
        "double.*.mlp.0": "blocks.*.ff.net.0.proj",
        "input.4.1": "down.1.attentions.0",
        "output.2.1.conv": "up.0.conv",
        "output.2.2.conv": "up.0.conv",
        "final.mod": "norm_out.linear",
    },
    swap_scale_shift=("norm_out.linear", "blocks.*.norm"),
)


def test_one_module_is_called_otherwise():
    assert NAMES.to_diffusers("img_in") == ("x_embedder",)
    assert NAMES.to_original("x_embedder") == [OriginalModule("img_in", 0)]


def test_a_module_of_the_makers_may_be_several():
    assert NAMES.to_diffusers("double.7.qkv") == ("blocks.7.to_q", "blocks.7.to_k", "blocks.7.to_v")
    assert NAMES.to_original("blocks.7.to_v") == [OriginalModule("double.7.qkv", 2)]


def test_only_the_first_number_is_a_star():
    assert NAMES.to_diffusers("double.7.mlp.0") == ("blocks.7.ff.net.0.proj",)
    assert NAMES.to_diffusers("double.7.mlp.2") == ("double.7.mlp.2",)


def test_what_follows_the_beginning_of_a_name_stays():
    assert NAMES.to_diffusers("input.4.1.blocks.3.to_q") == ("down.1.attentions.0.blocks.3.to_q",)
    assert NAMES.to_original("down.1.attentions.0.blocks.3.to_q") == [OriginalModule("input.4.1.blocks.3.to_q", 0)]


def test_a_beginning_is_whole_parts():
    assert NAMES.to_diffusers("img_in_2") == ("img_in_2",)
    assert NAMES.to_diffusers("input.41") == ("input.41",)


def test_a_module_may_have_two_names():
    assert [part.name for part in NAMES.to_original("up.0.conv")] == ["output.2.1.conv", "output.2.2.conv"]


def test_what_is_not_listed_has_one_name():
    assert NAMES.to_diffusers("other.3") == ("other.3",)
    assert NAMES.to_original("other.3") == []


def test_halves_are_swapped_where_there_are_two_of_them():
    assert NAMES.swaps_halves("norm_out.linear", (16, 8))
    assert NAMES.swaps_halves("blocks.3.norm", (16, 8))
    assert not NAMES.swaps_halves("blocks.3.norm", (48, 8))
    assert not NAMES.swaps_halves("blocks.3.norm.linear", (16, 8))
    assert not NAMES.swaps_halves("x_embedder", (16, 8))
