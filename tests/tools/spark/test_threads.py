import torch

from studio.tools.spark.threads import threads, with_spare_threads


def test_all_cores_of_a_quiet_machine_and_one_of_a_busy_one():
    assert threads(cores=2, load=0.1) == threads(cores=2, load=2.4) == 2
    assert threads(cores=2, load=5) == 1
    assert threads(cores=16, load=15.5) == 16


def test_batches_pass_and_the_number_of_threads_is_what_it_was():
    before = torch.get_num_threads()
    batches = with_spare_threads(iter([torch.zeros(1), torch.ones(1)]))
    assert (next(batches), next(batches)) == (0, 1)
    batches.close()
    assert torch.get_num_threads() == before
