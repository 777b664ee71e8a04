"""Parts of the checks side by side: as many as there are cores, in their order."""

from __future__ import annotations

import threading

import pytest
import torch

from error_sequence_model.faithfulness.threads import map_in_threads

CPU = torch.device("cpu")


@pytest.fixture
def cores():
    usual = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(usual)


def test_parts_meet_and_share_the_cores(cores) -> None:
    cores(4)
    meeting = threading.Barrier(2, timeout=30)

    def work(item: int) -> tuple[int, int]:
        meeting.wait()
        return item, torch.get_num_threads()

    assert map_in_threads(work, [7, 5], device=CPU) == [(7, 2), (5, 2)]
    assert torch.get_num_threads() == 4


def test_one_core_or_a_gpu_takes_them_one_by_one(cores) -> None:
    main = threading.get_ident()
    for count, device in ((1, CPU), (4, torch.device("cuda"))):
        cores(count)
        found = map_in_threads(lambda _: threading.get_ident(), [1, 2], device=device)
        assert found == [main, main]


def test_what_fails_is_told_and_the_cores_are_given_back(cores) -> None:
    cores(2)
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda item: 1 // item, [1, 0], device=CPU)
    assert torch.get_num_threads() == 2
