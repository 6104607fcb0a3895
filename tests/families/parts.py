"""The parts of tiny models: true classes, random weights, and vocabularies of letters."""

from functools import cache

from studio.config import shipped

CLIP_WORDS = 927
LETTERS = 300
CHAT = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"


def clip_tokenizer():
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(shipped("assets") / "spark" / "tokenizer")


def clip(width=32, projects=False, longest=77):
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=CLIP_WORDS,
        hidden_size=width,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=longest,
        projection_dim=width,
        bos_token_id=CLIP_WORDS - 2,
        eos_token_id=CLIP_WORDS - 1,
        pad_token_id=CLIP_WORDS - 1,
    )
    return (CLIPTextModelWithProjection if projects else CLIPTextModel)(config)


def t5_tokenizer():
    from transformers import T5TokenizerFast

    pieces = ["▁", *(chr(code) for code in range(33, 127))]
    return T5TokenizerFast(
        vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((piece, -2.0) for piece in pieces)],
        extra_ids=0,
        model_max_length=64,
    )


T5 = {
    "vocab_size": LETTERS,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}


def t5(width=32):
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(**T5, d_model=width))


def umt5():
    from transformers import UMT5Config, UMT5EncoderModel

    return UMT5EncoderModel(UMT5Config(**T5, d_model=32))


@cache
def letters():
    """Each byte by the character that byte-level vocabularies give it."""
    from tokenizers.pre_tokenizers import ByteLevel

    return {letter: n for n, letter in enumerate(sorted(ByteLevel.alphabet()))}


def qwen_tokenizer():
    from transformers import Qwen2Tokenizer

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = letters() | {word: len(letters()) + n for n, word in enumerate(special)}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], model_max_length=2048)
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    tokenizer.chat_template = CHAT
    return tokenizer


def gemma_tokenizer():
    from transformers import GemmaTokenizerFast

    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", "\n", *(chr(code) for code in range(33, 127))]
    return GemmaTokenizerFast(vocab={word: n for n, word in enumerate(words)}, merges=[], model_max_length=512)


def llama_tokenizer():
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE(vocab=letters() | {"<|end|>": len(letters())}, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    ends = dict.fromkeys(("eos_token", "pad_token"), "<|end|>")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **ends)


def _language(width=32, layers=2):
    """The shape of a tiny language model."""
    return {
        "vocab_size": LETTERS,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
    }


def qwen3(width=32, layers=3):
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(Qwen3Config(**_language(width, layers), head_dim=width // 2))


def qwen_vl():
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    sections = {"rope_type": "default", "type": "default", "mrope_section": [2, 2, 4]}
    eyes = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32}
    config = Qwen2_5_VLConfig(text_config=_language() | {"rope_scaling": sections}, vision_config=eyes)
    return Qwen2_5_VLForConditionalGeneration(config)


def gemma():
    from transformers import Gemma2Config, Gemma2Model

    return Gemma2Model(Gemma2Config(**_language(), head_dim=16))


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**_language()))


def vae(channels=4, **besides):
    """Pictures eight times as wide as its latents."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        layers_per_block=1,
        norm_num_groups=4,
        **besides,
    )


def flux_vae():
    return vae(16, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False)


def unet(listens, **besides):
    from diffusers import UNet2DConditionModel

    shape = {
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "attention_head_dim": 8,
        "cross_attention_dim": listens,
    }
    return UNet2DConditionModel(**shape | besides)


def ddim(**besides):
    from diffusers import DDIMScheduler

    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return DDIMScheduler(**schedule, clip_sample=False, steps_offset=1, **besides)


def flow(**besides):
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**{"shift": 3.0} | besides)
