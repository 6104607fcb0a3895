"""What holds for every step."""

import pytest

from studio.parameters.signature import parameters
from studio.parameters.types import Kind
from studio.plugins import find, names


@pytest.mark.parametrize("step", names("steps"))
def test_every_parameter_has_a_kind_a_label_and_help(step):
    for parameter in parameters(find("steps", step).run).values():
        assert any(isinstance(item, Kind) for item in parameter.field.metadata), parameter.name
        assert parameter.field.title
        assert parameter.field.description
