"""Part 1, time: an LSTM whose only loop is the one over time."""

from __future__ import annotations

import numpy as np
import pytest

from grader.checks import close, within

N, T, D, H = 32, 32, 16, 64
TOL = within(1e-4, 1e-5)


def module(subject):
    rng = np.random.default_rng(0)
    lstm = subject.rnn_lstm_captioning.LSTM(D, H)
    scales = {"Wx": ((D, 4 * H), D), "Wh": ((H, 4 * H), H), "b": ((4 * H,), 4)}
    lstm.fill({name: (rng.normal(size=shape) / np.sqrt(n)).astype(np.float32) for name, (shape, n) in scales.items()})
    return lstm


def sequences(rng):
    """One input, and one initial state."""
    return rng.normal(size=(N, T, D)).astype(np.float32), rng.normal(size=(N, H)).astype(np.float32)


def same(actual, expected):
    close(actual, expected, name="h", dims="N T H", tol=TOL)


@pytest.mark.check("p1.lstm_speed", question="lstm", points=0, needs="p1.lstm_forward", slow=True)
def test_lstm_speed(speed):
    """LSTM.forward computes each time step for the whole batch at once"""
    speed.ratio(
        lambda lstm, pairs: [(lstm, x) for x in pairs],
        make=module,
        inputs=lambda rng: [sequences(rng) for _ in range(2)],
        agree=same,
    )
