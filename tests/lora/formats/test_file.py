import json
import random
from collections import Counter
from itertools import chain

import pytest
import torch

from studio.errors import ModelError, StudioError
from studio.families import sd1
from studio.lora.formats import lora_keys
from studio.lora.formats.file import LoraFile
from studio.lora.formats.fit import fit
from studio.model_files.header import Header
from tests.lora import files

QUERY = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
MODEL = {"unet": {f"{QUERY}.weight": (8, 6), "conv_in.weight": (8, 4, 3, 3), "conv_in.bias": (8,)}}


def read(tensors, tmp_path, metadata=None):
    return LoraFile.read(files.write(tensors, tmp_path / "x.safetensors", metadata))


def all_names(file):
    """The tensors' names wherever they are in what was read."""
    changes = chain.from_iterable(layer.tensors.values() for layer in file.layers)
    embeddings = chain.from_iterable(tensors.values() for tensors in file.embeddings.values())
    return Counter([*changes, *embeddings, *file.unrecognised])


def is_complete(file):
    """Whether each tensor of the file is in exactly one place."""
    return all_names(file) == Counter([*Header.read(file.path).tensors])


def test_a_change_tells_what_each_tensor_is_to_it(tmp_path):
    file = read(files.kohya("lora_unet_a", (8, 6), rank=4, alpha=2), tmp_path, {"ss_network_dim": "4"})
    (layer,) = file.layers
    assert (layer.target, layer.algorithm, layer.rank, layer.alpha, layer.scale) == ("lora_unet_a", "lora", 4, 2, 0.5)
    assert layer.tensors["up"] == "lora_unet_a.lora_up.weight"
    assert layer.shapes == {"up": (8, 4), "down": (4, 6), "alpha": ()}
    assert (file.unrecognised, file.metadata) == ((), {"ss_network_dim": "4"})


def test_without_alpha_the_scale_is_one(tmp_path):
    (layer,) = read(files.kohya("a", (8, 6), rank=4, alpha=None), tmp_path).layers
    assert (layer.alpha, layer.scale) == (None, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_alpha_is_read_in_every_precision(tmp_path, dtype):
    tensors = files.kohya("a", (8, 6), rank=4, alpha=None) | {"a.alpha": torch.tensor([2], dtype=dtype)}
    assert read(tensors, tmp_path).layers[0].scale == 0.5


@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("lora_up.weight", "lora_down.weight"),
        ("lora_B.weight", "lora_A.weight"),
        ("lora_B.default.weight", "lora_A.default.weight"),
        ("lora.up.weight", "lora.down.weight"),
        ("lora_linear_layer.up.weight", "lora_linear_layer.down.weight"),
    ],
)
def test_low_rank_goes_by_many_names(tmp_path, up, down):
    (layer,) = read({f"a.b.{up}": torch.ones(8, 2), f"a.b.{down}": torch.ones(2, 6)}, tmp_path).layers
    assert (layer.target, layer.algorithm) == ("a.b", "lora")
    assert layer.tensors == {"up": f"a.b.{up}", "down": f"a.b.{down}"}


def test_the_first_loras_named_the_processor_of_attention(tmp_path):
    tensors = {"a.attn1.processor.to_q_lora.up.weight": torch.ones(8, 2)}
    tensors |= {"a.attn1.processor.to_q_lora.down.weight": torch.ones(2, 6)}
    assert read(tensors, tmp_path).layers[0].target == "a.attn1.to_q"


@pytest.mark.parametrize("name", ["lora_magnitude_vector", "lora_magnitude_vector.default.weight", "dora_scale"])
def test_magnitudes_go_with_low_rank(tmp_path, name):
    (layer,) = read(files.peft("a", (8, 6)) | {f"a.{name}": torch.ones(8)}, tmp_path).layers
    assert layer.tensors["dora_scale"] == f"a.{name}"


@pytest.mark.parametrize("weight", [(8, 8), (8, 8, 1, 1), (8, 8, 3, 3)])
def test_every_form_is_read_whole(tmp_path, weight):
    for name, tensors in files.forms(weight).items():
        file = read({f"lora_unet_a.{end}": tensor for end, tensor in tensors.items()}, tmp_path)
        assert (len(file.layers), file.unrecognised) == (1, ()), name
        assert file.layers[0].algorithm in lora_keys.ALGORITHMS
        assert is_complete(file)


@pytest.mark.parametrize("on_input", [torch.tensor(True), torch.tensor(1), torch.tensor([0.0])])
def test_which_side_is_scaled_is_read(tmp_path, on_input):
    (layer,) = read({"a.weight": torch.ones(8), "a.on_input": on_input}, tmp_path).layers
    assert (layer.algorithm, layer.on_input, layer.alpha) == ("ia3", bool(on_input), None)


def test_a_norm_is_changed_by_differences(tmp_path):
    file = read({"a.w_norm": torch.ones(8), "a.b_norm": torch.ones(8)}, tmp_path)
    assert (file.layers[0].algorithm, file.unrecognised) == ("norm", ())


def test_where_both_matrices_of_a_kronecker_product_are_whole_alpha_says_nothing(tmp_path):
    tensors = {"a.lokr_w1": torch.ones(2, 2), "a.lokr_w2": torch.ones(4, 3)}
    (layer,) = read(tensors | {"a.alpha": torch.tensor(1e10).half()}, tmp_path).layers  # infinity, as LyCORIS writes it
    assert (layer.alpha, layer.scale) == (None, 1)
    assert layer.tensors["alpha"] == "a.alpha"


def test_an_alpha_of_zero_is_no_effect(tmp_path):
    (layer,) = read(files.kohya("a", (8, 6), alpha=0.0), tmp_path).layers
    assert (layer.scale, layer.has_no_effect) == (0, True)
    assert not read(files.kohya("a", (8, 6), alpha=None), tmp_path).layers[0].has_no_effect


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_an_alpha_in_fp8_is_read(tmp_path, dtype):
    for number in (-448.0, -0.0625, 2**-9, 0.875, 1.0, 20.0):
        alpha = torch.tensor(number).to(dtype)
        (layer,) = read(files.kohya("a", (8, 6), alpha=None) | {"a.alpha": alpha}, tmp_path).layers
        assert layer.alpha == float(alpha)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("double_blocks.0.img_attn.norm.key_norm.scale", "control LoRA of FLUX.1 .*FLUX.1-Depth-dev"),
        ("transformer.transformer_blocks.0.attn.to_q.oft_R.weight", "OFT that rotates a module's inputs"),
    ],
)
def test_forms_that_are_not_supported_are_refused_by_name(tmp_path, name, what):
    with pytest.raises(ModelError, match=what):
        read(files.kohya("a", (8, 6)) | {name: torch.ones(4)}, tmp_path)


def test_a_bias_of_the_up_matrix_belongs_to_the_lora(tmp_path):
    file = read(files.peft("a", (8, 6)) | {"a.lora_B.bias": torch.ones(8)}, tmp_path)
    assert [(layer.algorithm, "up_bias" in layer.tensors) for layer in file.layers] == [("lora", True)]
    assert is_complete(file)


def test_a_bias_may_be_changed_beside_any_form(tmp_path):
    file = read(files.kohya("a", (8, 6)) | {"a.diff_b": torch.ones(8)}, tmp_path)
    assert {layer.algorithm for layer in file.layers} == {"lora", "full"}
    assert is_complete(file)


def test_embeddings_that_came_along_are_kept_apart(tmp_path):
    words = {"bundle_emb.cat.string_to_param.*": torch.ones(2, 8), "bundle_emb.dog.clip_l": torch.ones(2, 8)}
    file = read(files.kohya("a", (8, 6)) | words, tmp_path)
    assert file.embeddings == {
        "cat": {"string_to_param.*": "bundle_emb.cat.string_to_param.*"},
        "dog": {"clip_l": "bundle_emb.dog.clip_l"},
    }
    assert file.unrecognised == ()


def metadata(**said):
    return {"lora_adapter_metadata": json.dumps({f"unet.{key}": value for key, value in said.items()})}


@pytest.mark.parametrize(
    ("said", "scales"),
    [
        ({"lora_alpha": 8, "r": 4}, [2, 2]),
        ({"lora_alpha": 8, "alpha_pattern": {"b.to_q": 2}}, [0.5, 2]),
        ({"lora_alpha": 8, "alpha_pattern": {"^a.b.to_q": 2, "to_k": 4}}, [0.5, 1]),
        ({"lora_alpha": 8, "alpha_pattern": {"q": 2, "^b.to_q": 2}}, [2, 2]),
        ({"lora_alpha": 8, "use_rslora": True}, [4, 4]),
        ({"r": 4}, [1, 1]),
    ],
)
def test_alpha_may_be_in_the_configuration(tmp_path, said, scales):
    tensors = files.peft("unet.a.b.to_q", (8, 6), rank=4) | files.peft("unet.a.b.to_k", (8, 6), rank=4)
    file = read(tensors, tmp_path, metadata(**said))
    by_target = {layer.target: layer.scale for layer in file.layers}
    assert [by_target["unet.a.b.to_q"], by_target["unet.a.b.to_k"]] == scales


def test_a_tensor_counts_before_the_configuration(tmp_path):
    tensors = files.peft("unet.a", (8, 6), rank=4) | {"unet.a.alpha": torch.tensor(1.0)}
    assert read(tensors, tmp_path, metadata(lora_alpha=8)).layers[0].scale == 0.25


def test_pefts_own_configuration_lies_beside_its_file(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 16, "alpha_pattern": {"a.to_k": 4}}')
    tensors = files.peft("base_model.model.a.to_q", (8, 6), rank=4) | files.peft("base_model.model.a.to_k", (8, 6), 4)
    its_own = LoraFile.read(files.write(tensors, tmp_path / "adapter_model.safetensors"))
    other = LoraFile.read(files.write(tensors, tmp_path / "neon.safetensors"))
    assert sorted(layer.scale for layer in its_own.layers) == [1, 4]
    assert {layer.scale for layer in other.layers} == {1}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{", "has lora_adapter_metadata that cannot be read"),
        ("[]", "has lora_adapter_metadata that cannot be read"),
        ('{"unet.lora_alpha": "much"}', "gives 'much' as an alpha"),
        ('{"unet.lora_alpha": NaN}', "gives 'nan' as an alpha"),
        ('{"unet.alpha_pattern": {"(a+)+b": 1}}', r"by a pattern, '\(a\+\)\+b', which is not supported"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(tmp_path, said, message):
    with pytest.raises(ModelError, match=message):
        read(files.peft("unet.a", (8, 6)), tmp_path, {"lora_adapter_metadata": said})


def test_a_file_that_changes_nothing_is_no_lora(tmp_path):
    with pytest.raises(ModelError, match="is not a LoRA: none of its 1 tensors changes a module"):
        read({"model.weight": torch.ones(2)}, tmp_path)


@pytest.mark.parametrize(
    "odd",
    [
        {"b.lora_up.weight": torch.ones(8, 2)},
        {"b.alpha": torch.tensor(1.0)},
        {"b.weight": torch.ones(8, 2)},
        {"b.on_input": torch.tensor(1)},
        {"b.hada_w1_a": torch.ones(8, 2), "b.hada_w1_b": torch.ones(2, 8), "b.hada_w2_a": torch.ones(8, 2)},
        {"b.lokr_w1": torch.ones(2, 2), "b.lokr_w2_a": torch.ones(4, 2)},
        {"b.lora_up.weight": torch.ones(8, 0), "b.lora_down.weight": torch.ones(0, 6)},
        {"b.lora_up.weight": torch.ones(8), "b.lora_down.weight": torch.ones(6)},
        {"b.lora_embedding_A": torch.ones(2, 8)},
        {"bundle_emb.cat": torch.ones(2, 8)},
        {"b": torch.ones(1), ".": torch.ones(1), "lora_up.weight": torch.ones(1), "ä\n.x": torch.ones(1)},
    ],
)
def test_what_nobody_knows_or_lacks_its_fellow_is_a_stray(tmp_path, odd):
    file = read(files.kohya("a", (8, 6)) | odd, tmp_path)
    assert {*file.unrecognised} == odd.keys()
    assert is_complete(file)


def test_thousands_of_strays_are_but_strays(tmp_path):
    odd = {f"model.layer.{n}.weight": torch.ones(1) for n in range(10_000)}
    assert len(read(files.kohya("a", (8, 6)) | odd, tmp_path).unrecognised) == 10_000


@pytest.mark.parametrize(
    "alpha",
    [torch.ones(2), torch.ones(0), torch.tensor(float("nan")), torch.tensor(float("nan")).to(torch.float8_e4m3fn)],
)
def test_an_alpha_that_is_no_number_is_refused(tmp_path, alpha):
    with pytest.raises(ModelError, match=r"does not hold a number in 'a\.alpha'"):
        read(files.kohya("a", (8, 6), alpha=None) | {"a.alpha": alpha}, tmp_path)


def test_a_module_changed_in_two_ways_is_refused(tmp_path):
    tensors = files.kohya("a", (8, 6)) | {"a.diff": torch.ones(8, 6)}
    with pytest.raises(ModelError, match="changes 'a' in two ways, lora and full|full and lora"):
        read(tensors, tmp_path)


def test_a_tensor_that_is_there_under_two_names_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"has '(up|down)' of 'a' twice"):
        read(files.kohya("a", (8, 6)) | files.peft("a", (8, 6)), tmp_path)


def test_a_file_that_breaks_off_is_refused(tmp_path):
    path = files.write(files.kohya("a", (8, 6)), tmp_path / "x.safetensors")
    content = path.read_bytes()
    for length in (0, 7, 40, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError):
            LoraFile.read(path)


ENDS = [".".join(end) for end in lora_keys.SUFFIXES] + ["", "x", "lora_up.0.weight", "lora_A.default.weight"]
TARGETS = ["a", f"unet.{QUERY}", "lora_unet_conv_in", "conv_in", "transformer.", "bundle_emb.x", ""]
SIDES = [0, *(1, 2, 3, 4, 6, 8) * 8]


def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path):
    """Files of ends, targets and shapes at random: each tensor has its place, or a StudioError says why not."""
    dice, read_at_all = random.Random(0), 0
    for _ in range(400):
        names = {f"{target}.{end}" for target in dice.sample(TARGETS, 3) for end in dice.sample(ENDS, 5)}
        shapes = {name: [dice.choice(SIDES) for _ in range(dice.choice((0, 1, 2, 2, 2, 4)))] for name in sorted(names)}
        shapes |= {name: [] for name in shapes if name.endswith("alpha") and dice.random() < 0.9}
        tensors = {name: torch.ones(shape) for name, shape in shapes.items()} | files.kohya("good", (8, 6))
        try:
            file = read(tensors, tmp_path)
            fit(file, MODEL, sd1.FAMILY)
        except StudioError:
            continue
        read_at_all += 1
        assert is_complete(file)
    assert 100 < read_at_all < 400
