"""Kernels on several threads."""

import os
import threading

import numpy as np
import pytest

from renderers.threads import core_count, in_shares
from tests.each import each


@each("shares", [None, 1, 2, 5])
def test_every_share_is_called_once_with_the_same_arguments(shares):
    called = []
    values = np.zeros(3)
    in_shares(lambda array, share, count: called.append((array is values, share, count)), values, shares=shares)
    count = shares or core_count()
    assert sorted(called) == [(True, share, count) for share in range(count)]


def test_more_shares_than_threads_are_all_done():
    done = []
    in_shares(lambda share, shares: done.append(share), shares=20 * core_count())
    assert len(done) == 20 * core_count()


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_share_is_raised_once_all_are_through(failing):
    done, started = [], threading.Event()

    def kernel(share, shares):
        if share == failing:
            started.set()
            raise ZeroDivisionError
        started.wait(5)
        done.append(share)

    with pytest.raises(ZeroDivisionError):
        in_shares(kernel, shares=2)
    assert done == [1 - failing]


@pytest.mark.parametrize(("wish", "most"), [("1", 1), ("0", 1), ("99999", None), ("many", None), ("", None)])
def test_the_environment_asks_for_fewer(wish, most, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("NUMBA_NUM_THREADS", wish)
    assert core_count.__wrapped__() == (most or len(os.sched_getaffinity(0)))
