"""Pictures for a gallery, drawn and published with their records in no time."""

from PIL import Image, ImageDraw

from studio.pictures import file_names
from studio.pictures.publish import publish as put
from studio.workflow.job import Job
from studio.workflow.workflow import Workflow


def publish(folder, prompt, workflow="text-to-image", *, colour="navy", size=(512, 512), made=None, **values):
    """A picture's file: two shapes of a colour where the seed puts them, and the job that says ``prompt``."""
    job = Job.of(Workflow.load(workflow), {"prompt": prompt, **values})
    image = Image.new("RGB", size, "antiquewhite")
    x, y = job.seed * 97 % size[0], job.seed * 61 % size[1]
    ImageDraw.Draw(image).ellipse((x - 90, y - 90, x + 90, y + 90), fill=colour)
    ImageDraw.Draw(image).rectangle((y, x, y + 120, x + 70), fill=colour)
    models = {"spark": {"sampler": "dpmpp_2m", "licence": "Apache-2.0"}}
    facts = {"studio": "1.0", "prompt": prompt, "models": models} | ({"made": made} if made else {})
    return put(image, folder, file_names.stem("{prompt}", job, 1), job, facts).path
