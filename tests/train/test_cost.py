import time

import torch

from studio.train import cost
from studio.train.cost import Meter


def test_an_estimate_says_that_it_is_one_and_on_what_it_rests(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "_RAPL", tmp_path)
    meter = Meter(torch.device("cpu"), before=100.0)
    time.sleep(0.05)
    read, threads = meter.read(), torch.get_num_threads()
    assert read.how == f"estimated at 15 W for each of {threads} threads"
    assert 100 + 0.05 * 15 * threads <= read.joules < 100 + 5 * 15 * threads
    assert "estimated" in str(read)


def test_the_processor_s_own_meter_is_read_where_it_may_be(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "_RAPL", tmp_path)
    (tmp_path / "energy_uj").write_text("5000000\n")
    meter = Meter(torch.device("cpu"), before=1.0)
    (tmp_path / "energy_uj").write_text("7500000\n")
    assert meter.read() == (3.5, "measured by the processor, with all else it did")
