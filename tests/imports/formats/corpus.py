"""Several hundred texts as A1111 and its kin write them, and as nobody should; each with its settings."""

from random import Random

from studio.pictures.infotext import format_infotext

PLAUSIBLE = {
    "Steps": ["20", "1", "150", "0", "900", "-3", "many", "20.5", "٣"],
    "Sampler": ["Euler a", "DPM++ 2M", "DPM++ 2M Karras", "Restart", "Undefined", "Default", "x" * 500, "DDIM CFG++"],
    "Schedule type": ["Karras", "Automatic", "SGM Uniform", "KL Optimal", "Beta"],
    "CFG scale": ["7", "3.5", "0", "99", "nan", "1e3"],
    "Distilled CFG Scale": ["3.5", "40"],
    "Seed": ["0", "965400086", "4294967295", "4294967296", "-1", "1" * 30],
    "Size": ["512x768", "513x512", "8192x8192", "0x0", "big"],
    "Model hash": ["879db523c3", "7460a6fa", "None", "e3b0c44298"],
    "Model": ["dreamshaper_8", "my, model [v1]", "a: b", "💜"],
    "VAE": ["vae-ft-mse-840000.safetensors", "None", "Automatic"],
    "VAE hash": ["63aeecb90f", "?"],
    "Clip skip": ["1", "2", "13", "x"],
    "Denoising strength": ["0.5", "0", "1.5"],
    "Mask blur": ["4"],
    "Inpaint area": ["Only masked"],
    "Hires upscale": ["2", "1.5", "4", "x"],
    "Hires resize": ["1024x1536", "1024x0", "0x0", "x"],
    "Hires steps": ["0", "20", "10"],
    "Hires upscaler": ["Latent", "4x-UltraSharp"],
    "Hires prompt": ["another, thing"],
    "Hires CFG Scale": ["7", "1"],
    "First pass size": ["512x512", "0x0"],
    "RNG": ["CPU", "NV", "GPU"],
    "ENSD": ["31337"],
    "Tiling": ["True", "False"],
    "Variation seed": ["5"],
    "Variation seed strength": ["0.1"],
    "Seed resize from": ["512x512"],
    "Refiner": ["xl_refiner [7440042bbd]"],
    "ControlNet 0": ["preprocessor: canny, model: control_canny [x], weight: 1"],
    "Lora hashes": ["neon: 0123456789ab, ink: e3b0c44298fc, stray: abcdefabcdef", "nonsense"],
    "TI hashes": ["easynegative: c74b4e810b03"],
    "Hashes": ['{"model": "879db523c3", "lora:neon": "aaaaaaaaaa"}', "{}", '{"odd": [1]}', "{broken"],
    "Civitai resources": [
        '[{"type":"checkpoint","modelVersionId":691639,"modelName":"FLUX","modelVersionName":"Dev"}]',
        '[{"air":"urn:air:sdxl:lora:civitai:1@2","weight":0.5},{"type":"upscaler"},7,null]', "[", "[]",
    ],
    "Civitai metadata": ["{}", '{"remixOfId": 5}'],
    "Module 1": ["ae", "t5xxl_fp16"],
    "Module 2": ["clip_l"],
    "Emphasis": ["No norm"],
    "ADetailer model": ["face_yolov8n.pt"],
    "E": ["5"],
    "User": ["anna"],
    "App": ["SD.Next", "x" * 100],
    "Version": ["v1.10.1", "v1.6.0", "f2.0.1v1.10.1-previous-304", "ComfyUI", "y" * 100],
}  # fmt: skip
RAW = ("Hashes", "Civitai resources", "Civitai metadata")
PROMPTS = (
    "a cat", "", "a (cat:1.2) <lora:neon:0.8>, <lora:ink:0.5:1>", "<lora:neon:te=0.2:unet=0.9:dyn=4> <lora:bad:x>",
    "<hypernet:old:1> {a|b} __c__", "<lora:" + "n" * 5_000 + ":1>", "(" * 3_000, "\x00\ud7ff\n\n", "word " * 4_000,
)  # fmt: skip


def texts(count=400):
    """(text, settings) pairs, the same each time."""
    random = Random(7)
    for _ in range(count):
        keys = random.sample(list(PLAUSIBLE), random.randint(3, 18))
        said = {key: random.choice(PLAUSIBLE[key]) for key in keys}
        said |= {f"Odd {n}": "".join(random.choices('ab, :"é', k=9)).strip() for n in range(random.randint(0, 3))}
        plain = {key: value for key, value in said.items() if key not in RAW}
        text = format_infotext(random.choice(PROMPTS), random.choice(["", "blurry, (bad)"]), plain)
        yield "".join([text, *(f", {key}: {said[key]}" for key in RAW if key in said)]), said
