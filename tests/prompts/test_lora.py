"""A LoRA as it is asked for."""

import pytest

from studio.errors import InputError
from studio.prompts.lora import Lora


@pytest.mark.parametrize(
    ("text", "lora"),
    [
        ("neon", Lora("neon")),
        ("neon:0.8", Lora("neon", 0.8)),
        ("neon:text=0", Lora("neon", text=0.0)),
        ("neon:1:partial=1", Lora("neon", partial=True)),
        ('"ink, blue":0.5', Lora("ink, blue", 0.5)),
        ('"ink, blue:0.5"', Lora("ink, blue", 0.5)),
        ("neon:0.5:1", Lora("neon", 1.0, text=0.5)),
        ("neon:0.5:0.5", Lora("neon", 0.5)),
        ("neon:te=0.5:unet=1", Lora("neon", 1.0, text=0.5)),
        ("neon:te=0.5", Lora("neon", 0.5)),
        ("neon:unet=0.5", Lora("neon", 0.5, text=1.0)),
        ("neon:0.8:te=0.5", Lora("neon", 0.5)),
        ("neon:0.5:1:from=0.2", Lora("neon", 1.0, text=0.5, start=0.2)),
        (
            "ink-v2:-.5:text=0.5:from=0.2:to=0.8:up_blocks.1=0:mid_block=2",
            Lora("ink-v2", -0.5, 0.5, 0.2, 0.8, (("up_blocks.1", 0.0), ("mid_block", 2.0))),
        ),
    ],
)
def test_what_is_written_is_what_is_read(text, lora):
    assert Lora.parse(text) == lora
    assert Lora.parse(str(lora)) == lora


@pytest.mark.parametrize(
    "text",
    ["", ":1", "a:much", "a:1:2:3", "a:1:2:text=1", "a:te=1:text=1", "a:1:=2", "a:1:from", "a:1:from=x", "a:11",
     "a:1:from=0.5:to=0.5"],
)  # fmt: skip
def test_what_is_none_is_shown(text):
    with pytest.raises(InputError, match="LoRA"):
        Lora.parse(text)


@pytest.mark.parametrize("piece", ["dyn=4", "lbw=MIDD", "start=5", "stop=10", "step=0-10"])
def test_what_other_tools_say_of_a_lora_is_refused_by_name(piece):
    with pytest.raises(InputError, match=f"has '{piece.partition('=')[0]}'"):
        Lora.parse(f"a:1:{piece}")


def test_modules_are_named_by_whole_parts_of_their_names_and_the_longest_counts():
    lora = Lora.parse("a:0.5:blocks.1=0:blocks.1.attn=2")
    names = ["blocks.0.attn", "blocks.1.mlp", "blocks.1.attn.to_q", "blocks.10.attn", "single_blocks.1"]
    assert [lora.weight_in(name) for name in names] == [0.5, 0, 2, 0.5, 0.5]
