"""Submissions that ask for CUDA by name, graded where there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mini_assignment import SOLUTION, check, statuses, swap

from grader.records import Scorecard
from grader.subject import ON_CPU

Grade = Callable[..., Scorecard]

RIGHT = [
    swap(SOLUTION, "return FACTOR * x", "return (FACTOR * x.cuda()).cpu()"),
    swap(SOLUTION, "return FACTOR * x", 'return FACTOR * x.to("cuda")'),
    swap(SOLUTION, "2 * torch.arange(n)", '2 * torch.arange(n, device="cuda")'),
    swap(SOLUTION, "import torch\n", 'import torch\n\nONE = torch.ones(1, device=torch.device("cuda"))\n'),
]


@pytest.mark.parametrize("solution", RIGHT)
def test_right_code_that_asks_for_cuda_gets_full_points(grade: Grade, solution: str) -> None:
    """It is graded on the CPU, with a remark once and a note for staff where that began."""
    card = grade({"solution.py": solution})
    assert card.score == card.max_score
    assert card.findings.count(ON_CPU) == 1


def test_wrong_code_that_asks_for_cuda_is_wrong(grade: Grade) -> None:
    """Running on the CPU wins nothing: wrong values are wrong."""
    card = grade({"solution.py": swap(SOLUTION, "return FACTOR * x", "return 2 * FACTOR * x.cuda()")})
    assert statuses(card)["p1.scale"] == "failed"
    assert "run a second time" in check(card, "p1.scale").staff
    assert ON_CPU in card.findings


def test_what_cannot_run_on_the_cpu_needs_a_gpu(grade: Grade) -> None:
    """A question about the hardware has no answer here: RAISED, and the message says why."""
    card = grade({"solution.py": swap(SOLUTION, "return FACTOR * x", "return torch.cuda.get_device_name(0)")})
    assert statuses(card)["p1.scale"] == "raised"
    assert "needs a GPU" in check(card, "p1.scale").message


def test_without_cuda_nothing_is_said(grade: Grade) -> None:
    """The remark belongs to those who ask."""
    assert ON_CPU not in grade({}).findings
