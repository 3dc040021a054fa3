"""Every trick, in every environment that can be made here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cases import TRICKS, Case
from environments import ENVIRONMENTS, missing
from judge import faults
from tricks import FAMILIES

REFUSING = [name for name, made in ENVIRONMENTS.items() if not made.grades and not missing(made)]


@pytest.mark.timeout(2500)  # the first test of an environment waits for its whole session
def test_a_trick_gets_what_its_honest_part_deserves(
    case: Case, observe: Callable[[Case], dict[str, Any]]
) -> None:
    """No point is won, the status is the one declared, the reports are valid, the neighbours are graded as ever and
    nothing is left behind."""
    observed = observe(case)
    assert "lost" not in observed, observed["lost"]
    assert faults(case.trick, observed) == []


@pytest.mark.parametrize("name", REFUSING)
def test_grading_refuses_where_too_few_walls_stand(name: str, refusal: Callable[[str], list[dict[str, Any]]]) -> None:
    """Where code could read answers or leave something behind, the command says so in one line with exit code 2."""
    (said,) = refusal(name)
    assert said["refused"].startswith("grade: ") and said["refused"].count("\n") == 1
    assert "--require-isolation" in said["refused"]


def test_there_are_tricks_of_every_family() -> None:
    """At least 70 tricks, and ten of each family."""
    assert len(TRICKS) >= 70
    for family in FAMILIES:
        assert sum(trick.id.startswith(f"{family}/") for trick in TRICKS) >= 10
