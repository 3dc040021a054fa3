"""What must be true of a graded trick, whichever environment it ran in."""

from __future__ import annotations

from typing import Any

from tricks import ALWAYS, Trick
from vault import ALL_POINTS, CALL_S, CHECK_S, HONEST_POINTS, IMPORT_S

from grader.worker.client import PATIENCE

SLACK_S = 2.0
# A limit stretches while other processes have the processor; it never does by more than this.
LONGEST_S = {"import": IMPORT_S * PATIENCE, "call": CALL_S * PATIENCE, "check": CHECK_S * PATIENCE}


def faults(trick: Trick, observed: dict[str, Any]) -> list[str]:
    """One sentence for each thing that is not as it should be."""
    found = [f"it left behind or changed: {item}" for item in observed["residue"]]
    found += [f"a report is not valid: {fault}" for fault in observed["faults"]]
    if observed["heard"]:
        found.append("it reached a socket")
    after = observed["next"]
    if after and (after["exit"] != 0 or after["scorecard"]["score"] != ALL_POINTS):
        found.append(f"the next submission did not get its {ALL_POINTS:g} points: {after['told']}")
    if not trick.check:
        if observed["exit"] != 2 or observed["told"].count("\n") > 1:
            found.append(f"one line and exit code 2 expected, got {observed['exit']}: {observed['told']}")
        if not observed["results"] or observed["results"]["score"] != 0:
            found.append("results.json does not say that there are no points")
        return found
    card = observed["scorecard"]
    if observed["exit"] != 0 or card is None:
        return [*found, f"it was not graded (exit code {observed['exit']}): {observed['told']}"]
    statuses = {check["id"]: check["status"] for check in card["checks"]}
    expected = {trick.check: trick.status, "p1.honest": trick.honest, "p2.honest": "passed"}
    found += [f"{id_} is {statuses[id_]}, not {status}" for id_, status in expected.items() if statuses[id_] != status]
    found += [f"{id_} is ungraded" for id_, status in statuses.items() if status == "ungraded"]
    deserved = HONEST_POINTS - (trick.honest != "passed")
    if card["score"] > deserved:
        found.append(f"it got {card['score']:g} points and deserves {deserved:g}")
    if not stopped_by(trick, card["isolation"]):
        found.append(f"none of its walls holds here: {', '.join(trick.walls)}")
    for check in card["checks"]:
        if check["seconds"] > LONGEST_S["check"] + SLACK_S:
            found.append(f"{check['id']} took {check['seconds']:.1f} s")
    return found


def stopped_by(trick: Trick, isolation: dict[str, bool]) -> list[str]:
    """Which of a trick's walls stood."""
    return [wall for wall in trick.walls if wall in ALWAYS or isolation.get(wall)]
