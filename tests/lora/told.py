"""A LoRA for Spark, of random values, with all that trainers, sites and managers say of one; made up."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

TARGETS = {  # kohya's names of modules, with the sizes of Spark's weights
    "lora_unet_down_blocks_2_attentions_0_transformer_blocks_0_attn2_to_k": (160, 160),
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v": (192, 160),
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (160, 160),
}
KOHYA = {
    "ss_output_name": "neon_outline_v2",
    "ss_base_model_version": "sd_v1",
    "ss_sd_model_name": "C:\\Users\\Anna Smith\\models\\v1-5-pruned-emaonly.safetensors",
    "ss_v2": "False",
    "ss_network_module": "networks.lora",
    "ss_network_dim": "4",
    "ss_network_alpha": "2.0",
    "ss_session_id": "2771834",
    "ss_training_started_at": "1731000000.5",
    "ss_dataset_dirs": json.dumps({"10_acme launch": {"n_repeats": 10, "img_count": 28}}),
    "ss_tag_frequency": json.dumps({"10_acme launch": {"neon lines": 28, "acme logo": 26, "outline": 9}}),
    "ss_datasets": json.dumps([{"subsets": [{"image_dir": "/Users/anna/clients/acme/10_acme launch"}]}]),
    "modelspec.sai_model_spec": "1.0.1",
    "modelspec.architecture": "stable-diffusion-v1/lora",
    "modelspec.title": "Neon Outline",
    "modelspec.author": "Studio Anna",
    "modelspec.license": "cc-by-4.0",
    "modelspec.trigger_phrase": "neon lines",
    "modelspec.date": "2024-11-07T18:00:00",
}
A1111 = {"activation text": "neon lines", "preferred weight": 0.7, "sd version": "SD1", "description": "", "notes": ""}
CIVITAI = {
    "id": 7,
    "name": "v2",
    "baseModel": "SD 1.5",
    "trainedWords": ["neon lines", "glowing outline"],
    "description": "<p>Glowing <b>outlines</b>.</p><script>alert(1)</script>",
    "creator": {"username": "anna"},
    "model": {
        "name": "Neon Outline by Anna",
        "allowNoCredit": False,
        "allowCommercialUse": ["Image", "RentCivit"],
        "allowDerivatives": True,
        "allowDifferentLicense": False,
    },
    "files": [],
}
LORA_MANAGER = {
    "model_name": "Neon Outline (managed)",
    "base_model": "SD 1.5",
    "usage_tips": json.dumps({"strength": 0.9, "strength_min": 0.5}),
    "notes": "best with thin shapes",
    "civitai": CIVITAI,
}


def tensors(targets=TARGETS, rank=4, alpha=2.0):
    """Down, up and alpha for each module of a (out, in) weight."""
    random = np.random.default_rng(1)
    found = {}
    for target, (out, width) in targets.items():
        found[f"{target}.lora_down.weight"] = random.normal(size=(rank, width)).astype("f2")
        found[f"{target}.lora_up.weight"] = random.normal(size=(out, rank)).astype("f2")
        found[f"{target}.alpha"] = np.array(alpha, "f2")
    return found


def write(path: Path, metadata=None, **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors(**how), path, metadata)
    return path


def beside(path: Path, **sidecars) -> None:
    """Sidecars by their endings, with underscores for dots: ``civitai_info``."""
    for ending, content in sidecars.items():
        text = content if isinstance(content, str) else json.dumps(content)
        path.with_suffix(f".{ending.replace('_', '.')}").write_text(text)
