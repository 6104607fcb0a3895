import sys

import torch

from studio.tensors import hardware


def test_the_device_asked_for_is_taken():
    assert hardware.pick_device("cpu") == torch.device("cpu")


def test_a_cpu_gets_full_precision():
    assert hardware.pick_dtype(torch.device("cpu")) == torch.float32


def test_a_torch_below_the_floor_is_found(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.9.1")
    assert "upgrade" in hardware.torch_build()[1]


def test_a_torchvision_that_does_not_import_is_found(tmp_path, monkeypatch):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert hardware.torchvision() == ("does not fit torch", "pip uninstall torchvision (the studio does not need it)")
    sys.modules.pop("torchvision", None)
