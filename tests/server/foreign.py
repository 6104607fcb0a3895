"""A picture of another tool, as a file."""

from PIL import Image
from PIL.PngImagePlugin import PngInfo

TEXT = (
    "three green leaves <lora:gone:0.8>\nNegative prompt: red\nSteps: 3, Sampler: Euler a, CFG scale: 3.5, Seed: 77, "
    "Size: 256x256, Model hash: 879db523c3, Model: dream, ENSD: 31337, "
    'Lora hashes: "gone: 0123456789ab", Version: v1.6.0'
)
PLAIN = "three green leaves\nSteps: 3, Sampler: Euler a, CFG scale: 3.5, Seed: 77, RNG: CPU"


def picture(path, text=TEXT):
    info = PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (64, 64), "navy").save(path, pnginfo=info)
    return path
