from studio.families.base.state_dict_keys import Names, Part

NAMES = Names(
    {
        "img_in": "x_embedder",
        "double.*.qkv": "blocks.*.to_{q,k,v}",
        "double.*.mlp.0": "blocks.*.ff.net.0.proj",
        "input.4.1": "down.1.attentions.0",
        "output.2.1.conv": "up.0.conv",
        "output.2.2.conv": "up.0.conv",
        "final.mod": "norm_out.linear",
    },
    swapped=("norm_out.linear", "blocks.*.norm"),
)


def test_one_module_is_called_otherwise():
    assert NAMES.in_diffusers("img_in") == ("x_embedder",)
    assert NAMES.by_makers("x_embedder") == [Part("img_in", 0)]


def test_a_module_of_the_makers_may_be_several():
    assert NAMES.in_diffusers("double.7.qkv") == ("blocks.7.to_q", "blocks.7.to_k", "blocks.7.to_v")
    assert NAMES.by_makers("blocks.7.to_v") == [Part("double.7.qkv", 2)]


def test_only_the_first_number_is_a_star():
    assert NAMES.in_diffusers("double.7.mlp.0") == ("blocks.7.ff.net.0.proj",)
    assert NAMES.in_diffusers("double.7.mlp.2") == ("double.7.mlp.2",)


def test_what_follows_the_beginning_of_a_name_stays():
    assert NAMES.in_diffusers("input.4.1.blocks.3.to_q") == ("down.1.attentions.0.blocks.3.to_q",)
    assert NAMES.by_makers("down.1.attentions.0.blocks.3.to_q") == [Part("input.4.1.blocks.3.to_q", 0)]


def test_a_beginning_is_whole_parts():
    assert NAMES.in_diffusers("img_in_2") == ("img_in_2",)
    assert NAMES.in_diffusers("input.41") == ("input.41",)


def test_a_module_may_have_two_names():
    assert [part.name for part in NAMES.by_makers("up.0.conv")] == ["output.2.1.conv", "output.2.2.conv"]


def test_what_is_not_listed_has_one_name():
    assert NAMES.in_diffusers("other.3") == ("other.3",)
    assert NAMES.by_makers("other.3") == []


def test_halves_are_swapped_where_there_are_two_of_them():
    assert NAMES.swaps("norm_out.linear", (16, 8))
    assert NAMES.swaps("blocks.3.norm", (16, 8))
    assert not NAMES.swaps("blocks.3.norm", (48, 8))
    assert not NAMES.swaps("blocks.3.norm.linear", (16, 8))
    assert not NAMES.swaps("x_embedder", (16, 8))
