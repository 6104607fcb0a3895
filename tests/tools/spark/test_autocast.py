import pytest
import torch

from studio.tools.spark import autocast as module
from studio.tools.spark.autocast import autocast


@pytest.mark.parametrize(("half", "full", "used"), [(1.0, 2.0, True), (1.0, 1.1, False)])
def test_half_precision_only_where_it_is_quicker(monkeypatch, half, full, used):
    module._fast_in_bf16.cache_clear()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(module, "_product_time", lambda dtype: half if dtype == torch.bfloat16 else full)
    with autocast(torch.device("cpu")):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    module._fast_in_bf16.cache_clear()
    assert product.dtype == (torch.bfloat16 if used else torch.float32)


def test_emulated_half_precision_is_not_even_tried(monkeypatch):
    module._fast_in_bf16.cache_clear()
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    monkeypatch.setattr(module, "_product_time", lambda dtype: pytest.fail("tried"))
    with autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    module._fast_in_bf16.cache_clear()
