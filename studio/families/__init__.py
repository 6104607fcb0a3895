"""Model families: one file each, holding a frozen ``FAMILY``.

A family says how its models are recognised, which pipelines draw with them, what they can do and how LoRAs for them are
trained. Nothing outside this folder names a family.
"""

from studio.families.base.capabilities import COMMON, INSTRUCT, UNET, Capabilities, Defaults
from studio.families.base.detection import Detection, DiffusersConfigs, Shape, Shapes, VPredictionMark
from studio.families.base.family import Family
from studio.families.base.pipelines import TaskPipelines, by_task
from studio.families.base.state_dict_keys import StateDictKeys
from studio.families.base.training import LoraTraining

__all__ = [
    "COMMON",
    "INSTRUCT",
    "UNET",
    "Capabilities",
    "Defaults",
    "Detection",
    "DiffusersConfigs",
    "Family",
    "LoraTraining",
    "Shape",
    "Shapes",
    "StateDictKeys",
    "TaskPipelines",
    "VPredictionMark",
    "by_task",
]
