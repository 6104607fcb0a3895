"""Single weight files of tiny models as their makers write them: ``tensors`` is the inverse of what loading does.

The tables say, for each family, what diffusers' names were before; what lay in one tensor is put together again, and
shift goes before scale. They are written by hand and held against diffusers' own converters where it has any.
"""

import re

import torch

from tests.models import small

_QKV = ("to_q", "to_k", "to_v")
_ADDED = ("add_q_proj", "add_k_proj", "add_v_proj")

_FLUX = {
    "single_transformer_blocks": "single_blocks",
    "transformer_blocks": "double_blocks",
    "attn.norm_added_q.weight": "txt_attn.norm.query_norm.scale",
    "attn.norm_added_k.weight": "txt_attn.norm.key_norm.scale",
    "single_blocks.*.attn.norm_q.weight": "single_blocks.*.norm.query_norm.scale",
    "single_blocks.*.attn.norm_k.weight": "single_blocks.*.norm.key_norm.scale",
    "attn.norm_q.weight": "img_attn.norm.query_norm.scale",
    "attn.norm_k.weight": "img_attn.norm.key_norm.scale",
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.net.0.proj": "img_mlp.0",
    "ff.net.2": "img_mlp.2",
    "ff_context.net.0.proj": "txt_mlp.0",
    "ff_context.net.2": "txt_mlp.2",
    "single_blocks.*.proj_out": "single_blocks.*.linear2",
    "proj_out": "final_layer.linear",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
}
_FLUX_FUSED = {
    ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"): "linear1",
    tuple(f"attn.{one}" for one in _QKV): "img_attn.qkv",
    tuple(f"attn.{one}" for one in _ADDED): "txt_attn.qkv",
}
_SANA = {
    "transformer_blocks.*.scale_shift_table": "blocks.*.scale_shift_table",
    "scale_shift_table": "final_layer.scale_shift_table",
    "blocks.*.final_layer.scale_shift_table": "blocks.*.scale_shift_table",
    "transformer_blocks": "blocks",
    "patch_embed": "x_embedder",
    "time_embed.emb.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_embed.emb.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_embed.guidance_embedder.linear_1": "cfg_embedder.mlp.0",
    "time_embed.guidance_embedder.linear_2": "cfg_embedder.mlp.2",
    "time_embed.linear": "t_block.1",
    "caption_projection.linear_1": "y_embedder.y_proj.fc1",
    "caption_projection.linear_2": "y_embedder.y_proj.fc2",
    "caption_norm": "attention_y_norm",
    "attn1.to_out.0": "attn.proj",
    "attn1.norm_q": "attn.q_norm",
    "attn1.norm_k": "attn.k_norm",
    "attn2.to_q": "cross_attn.q_linear",
    "attn2.to_out.0": "cross_attn.proj",
    "attn2.norm_q": "cross_attn.q_norm",
    "attn2.norm_k": "cross_attn.k_norm",
    "ff.conv_inverted": "mlp.inverted_conv.conv",
    "ff.conv_depth": "mlp.depth_conv.conv",
    "ff.conv_point": "mlp.point_conv.conv",
    "proj_out": "final_layer.linear",
}
_SANA_FUSED = {
    tuple(f"attn1.{one}" for one in _QKV): "attn.qkv",
    ("attn2.to_k", "attn2.to_v"): "cross_attn.kv_linear",
}

_NAMES = {
    "flux1": {
        **_FLUX,
        "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
        "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
        "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
        "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
        "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
        "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
        "norm1.linear": "img_mod.lin",
        "norm1_context.linear": "txt_mod.lin",
        "norm.linear": "modulation.lin",
    },
    "chroma": {
        "distilled_guidance_layer.norms.*.weight": "distilled_guidance_layer.norms.*.scale",
        "linear_1": "in_layer",
        "linear_2": "out_layer",
        **_FLUX,
    },
    "flux2": {
        "single_transformer_blocks.*.attn.to_qkv_mlp_proj": "single_blocks.*.linear1",
        "single_transformer_blocks.*.attn.to_out": "single_blocks.*.linear2",
        "ff.linear_in": "img_mlp.0",
        "ff.linear_out": "img_mlp.2",
        "ff_context.linear_in": "txt_mlp.0",
        "ff_context.linear_out": "txt_mlp.2",
        "time_guidance_embed.timestep_embedder.linear_1": "time_in.in_layer",
        "time_guidance_embed.timestep_embedder.linear_2": "time_in.out_layer",
        "double_stream_modulation_img.linear": "double_stream_modulation_img.lin",
        "double_stream_modulation_txt.linear": "double_stream_modulation_txt.lin",
        "single_stream_modulation.linear": "single_stream_modulation.lin",
        **_FLUX,
    },
    "sd3": {
        "transformer_blocks": "joint_blocks",
        "pos_embed.proj": "x_embedder.proj",
        "pos_embed.pos_embed": "pos_embed",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
        "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
        "attn.norm_added_q": "context_block.attn.ln_q",
        "attn.norm_added_k": "context_block.attn.ln_k",
        "joint_blocks.*.attn.norm_q": "joint_blocks.*.x_block.attn.ln_q",
        "joint_blocks.*.attn.norm_k": "joint_blocks.*.x_block.attn.ln_k",
        "attn2.norm_q": "x_block.attn2.ln_q",
        "attn2.norm_k": "x_block.attn2.ln_k",
        "attn2.to_out.0": "x_block.attn2.proj",
        "attn.to_out.0": "x_block.attn.proj",
        "attn.to_add_out": "context_block.attn.proj",
        "norm1.linear": "x_block.adaLN_modulation.1",
        "norm1_context.linear": "context_block.adaLN_modulation.1",
        "ff.net.0.proj": "x_block.mlp.fc1",
        "ff.net.2": "x_block.mlp.fc2",
        "ff_context.net.0.proj": "context_block.mlp.fc1",
        "ff_context.net.2": "context_block.mlp.fc2",
        "proj_out": "final_layer.linear",
        "norm_out.linear": "final_layer.adaLN_modulation.1",
    },
    "lumina2": {
        "time_caption_embed.caption_embedder": "cap_embedder",
        "time_caption_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_caption_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "norm_out.linear_1": "final_layer.adaLN_modulation.1",
        "norm_out.linear_2": "final_layer.linear",
        "norm1.linear": "adaLN_modulation.1",
        "norm1.norm": "attention_norm1",
        "norm1": "attention_norm1",
        "norm2": "attention_norm2",
        "linear_1": "w1",
        "linear_2": "w2",
        "linear_3": "w3",
        "attn.norm_q": "attention.q_norm",
        "attn.norm_k": "attention.k_norm",
        "attn.to_out.0": "attention.out",
    },
    "z_image": {
        "all_final_layer.2-1": "final_layer",
        "all_x_embedder.2-1": "x_embedder",
        "to_out.0": "out",
        "norm_k": "k_norm",
        "norm_q": "q_norm",
    },
    "auraflow": {
        "joint_transformer_blocks": "double_layers",
        "single_transformer_blocks": "single_layers",
        "double_layers.*.attn.to_q": "double_layers.*.attn.w2q",
        "double_layers.*.attn.to_k": "double_layers.*.attn.w2k",
        "double_layers.*.attn.to_v": "double_layers.*.attn.w2v",
        "double_layers.*.attn.to_out.0": "double_layers.*.attn.w2o",
        "add_q_proj": "w1q",
        "add_k_proj": "w1k",
        "add_v_proj": "w1v",
        "to_add_out": "w1o",
        "to_q": "w1q",
        "to_k": "w1k",
        "to_v": "w1v",
        "to_out.0": "w1o",
        "time_step_proj.linear_1": "t_embedder.mlp.0",
        "time_step_proj.linear_2": "t_embedder.mlp.2",
        "linear_1": "c_fc1",
        "linear_2": "c_fc2",
        "out_projection": "c_proj",
        "single_layers.*.ff": "single_layers.*.mlp",
        "single_layers.*.norm1.linear": "single_layers.*.modCX.1",
        "ff": "mlpX",
        "ff_context": "mlpC",
        "norm1.linear": "modX.1",
        "norm1_context.linear": "modC.1",
        "context_embedder": "cond_seq_linear",
        "proj_out": "final_linear",
        "norm_out.linear": "modF.1",
        "pos_embed.pos_embed": "positional_encoding",
        "pos_embed.proj": "init_x_linear",
    },
    "sana": _SANA,
    "pixart": {
        **_SANA,
        "pos_embed": "x_embedder",
        "adaln_single.emb.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "adaln_single.emb.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "adaln_single.linear": "t_block.1",
        "ff.net.0.proj": "mlp.fc1",
        "ff.net.2": "mlp.fc2",
    },
    "hunyuan_image": {
        "context_embedder_2.norm": "byt5_in.layernorm",
        "context_embedder_2.linear_1": "byt5_in.fc1",
        "context_embedder_2.linear_2": "byt5_in.fc2",
        "context_embedder_2.linear_3": "byt5_in.fc3",
        "x_embedder": "img_in",
        "context_embedder.proj_in": "txt_in.input_embedder",
        "context_embedder.time_text_embed.timestep_embedder.linear_1": "txt_in.t_embedder.mlp.0",
        "context_embedder.time_text_embed.timestep_embedder.linear_2": "txt_in.t_embedder.mlp.2",
        "context_embedder.time_text_embed.text_embedder": "txt_in.c_embedder",
        "context_embedder.token_refiner.refiner_blocks": "txt_in.individual_token_refiner.blocks",
        "blocks.*.img_attn_qkv": "blocks.*.self_attn_qkv",
        "blocks.*.attn.to_out.0": "blocks.*.self_attn_proj",
        "blocks.*.ff.net.0.proj": "blocks.*.mlp.fc1",
        "blocks.*.ff.net.2": "blocks.*.mlp.fc2",
        "blocks.*.norm_out.linear": "blocks.*.adaLN_modulation.1",
        "time_guidance_embed.timestep_embedder.linear_1": "time_in.mlp.0",
        "time_guidance_embed.timestep_embedder.linear_2": "time_in.mlp.2",
        "time_guidance_embed.guidance_embedder.linear_1": "guidance_in.mlp.0",
        "time_guidance_embed.guidance_embedder.linear_2": "guidance_in.mlp.2",
        "single_transformer_blocks.*.norm": "single_blocks.*.modulation",
        "single_transformer_blocks.*.attn.norm_q": "single_blocks.*.q_norm",
        "single_transformer_blocks.*.attn.norm_k": "single_blocks.*.k_norm",
        "single_transformer_blocks.*.proj_out": "single_blocks.*.linear2",
        "single_transformer_blocks": "single_blocks",
        "transformer_blocks": "double_blocks",
        "norm1.linear": "img_mod.linear",
        "norm1_context.linear": "txt_mod.linear",
        "attn.norm_q": "img_attn_q_norm",
        "attn.norm_k": "img_attn_k_norm",
        "attn.norm_added_q": "txt_attn_q_norm",
        "attn.norm_added_k": "txt_attn_k_norm",
        "attn.to_out.0": "img_attn_proj",
        "attn.to_add_out": "txt_attn_proj",
        "ff.net.0.proj": "img_mlp.fc1",
        "ff.net.2": "img_mlp.fc2",
        "ff_context.net.0.proj": "txt_mlp.fc1",
        "ff_context.net.2": "txt_mlp.fc2",
        "proj_out": "final_layer.linear",
        "norm_out.linear": "final_layer.adaLN_modulation.1",
    },
}
_FUSED = {
    "flux1": _FLUX_FUSED,
    "chroma": _FLUX_FUSED,
    "flux2": _FLUX_FUSED,
    "sd3": {
        tuple(f"attn.{one}" for one in _QKV): "x_block.attn.qkv",
        tuple(f"attn.{one}" for one in _ADDED): "context_block.attn.qkv",
        tuple(f"attn2.{one}" for one in _QKV): "x_block.attn2.qkv",
    },
    "lumina2": {tuple(f"attn.{one}" for one in _QKV): "attention.qkv"},
    "z_image": {_QKV: "qkv"},
    "sana": _SANA_FUSED,
    "pixart": _SANA_FUSED,
    "hunyuan_image": {
        ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"): "linear1",
        tuple(f"attn.{one}" for one in _QKV): "img_attn_qkv",
        tuple(f"attn.{one}" for one in _ADDED): "txt_attn_qkv",
    },
}
_UNUSED = {
    "lumina2": ("norm_final.weight",),
    "z_image": ("norm_final.weight",),
    "sana": ("pos_embed", "y_embedder.y_embedding"),
    "pixart": ("pos_embed", "y_embedder.y_embedding"),
}
_TURNED = {"AdaLayerNormContinuous", "AuraFlowPreFinalBlock"}


def _sd2(predicts="epsilon"):
    pipeline = small.sd2()
    if predicts == "v_prediction":  # which its files show by how far this spreads
        torch.nn.init.normal_(pipeline.unet.up_blocks[3].attentions[2].transformer_blocks[0].norm1.bias, std=0.2)
    pipeline.scheduler.register_to_config(prediction_type=predicts)
    return pipeline


def _turbo():
    from diffusers import EulerAncestralDiscreteScheduler

    pipeline = small.sdxl()
    pipeline.register_modules(scheduler=EulerAncestralDiscreteScheduler(timestep_spacing="trailing"))
    return pipeline


WHOLE = {
    "sd1": small.sd1,
    "sd1_inpaint": lambda: small.sd1(in_channels=9),
    "sd2": lambda: _sd2("v_prediction"),
    "sd2_base": _sd2,
    "sdxl": small.sdxl,
    "sdxl_inpaint": lambda: small.sdxl(in_channels=9),
    "sdxl_turbo": _turbo,
    "sdxl_refiner": small.sdxl_refiner,
}
"""Models whose files hold all of their parts, of the topology that diffusers' converters want."""


def tensors(family: str, model) -> dict[str, torch.Tensor]:
    """The weights of a family's denoiser by its makers' names."""
    state = dict(model.state_dict())
    if family in _NAMES:
        _turn(model, state)
    for several, one in _FUSED.get(family, {}).items():
        _fuse(state, several, one)
    made = {_renamed(name, _NAMES.get(family, {})): tensor.contiguous() for name, tensor in state.items()}
    return made | {name: torch.zeros(4) for name in _UNUSED.get(family, ())}


def write_gguf(made: dict[str, torch.Tensor], file, kind: str):
    """A GGUF file of the tensors as the community shares them: of matrices each row rounded, the rest left whole."""
    import gguf

    rounded, writer = gguf.GGMLQuantizationType[kind], gguf.GGUFWriter(file, "flux")
    for name, tensor in made.items():
        fits = tensor.ndim == 2 and tensor.shape[1] % gguf.GGML_QUANT_SIZES[rounded][0] == 0
        numbers = tensor.float().numpy()
        stored = gguf.quantize(numbers, rounded) if fits else numbers
        writer.add_tensor(name, stored, raw_dtype=rounded if fits else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _turn(model, state) -> None:
    for name, module in model.named_modules():
        for key in (f"{name}.linear.weight", f"{name}.linear.bias"):
            if type(module).__name__ in _TURNED and key in state:
                scale, shift = state[key].chunk(2)
                state[key] = torch.cat([shift, scale])


def _fuse(state, several, one) -> None:
    """Those of a block that has all of them become one tensor."""
    for key in list(state):
        block, found, end = key.rpartition(f".{several[0]}.")
        names = [f"{block}.{each}.{end}" for each in several]
        if found and all(name in state for name in names):
            state[f"{block}.{one}.{end}"] = torch.cat([state.pop(name) for name in names])


def _renamed(name: str, names: dict[str, str]) -> str:
    for new, old in names.items():
        pattern = re.escape(new).replace(r"\*", r"(\d+)")
        name = re.sub(rf"(?<![^.]){pattern}(?![^.])", old.replace("*", r"\1"), name)
    return name
