"""All families that are installed: the files of ``studio.families``, and those of other packages."""

from studio import plugins
from studio.families.base.family import Family


def installed() -> dict[str, Family]:
    """All families by name."""
    return {name: plugins.find("families", name).FAMILY for name in plugins.names("families")}


def titles_with(task: str) -> list[str]:
    """The titles of all families and variants that have a task; sorted."""
    everyone = [one for family in installed().values() for one in (family, *family.variants.values())]
    return sorted({one.title for one in everyone if task in one.pipelines.classes})
