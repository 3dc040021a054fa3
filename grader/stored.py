"""Stored tensors of an assignment, read for a check: `published/*.json` and `generated/*.npz`."""

from __future__ import annotations

import functools
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from grader.errors import FixtureError


class Stored:
    """Looks a fixture up by name; arrays are read-only numpy arrays.

    published: facts of the hand-out, JSON objects name -> nested lists, number, text.
    generated: values made from the reference, one npz file per recipe.
    """

    def __init__(self, published: Path, generated: Path) -> None:
        self._published = published
        self._generated = generated
        self._read: dict[str, dict[str, np.ndarray[Any, Any]]] = {}

    @functools.cached_property
    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for path in sorted(self._published.glob("*.json")):
            try:
                found = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            except msgspec.MsgspecError as error:
                raise FixtureError(f"{path.name}: {error}") from None
            if twice := facts.keys() & found.keys():
                raise FixtureError(f"{path.name}: {', '.join(sorted(twice))} is published twice")
            facts |= found
        return facts

    def __getitem__(self, name: str) -> Any:
        """A published fact, as it was entered."""
        try:
            return self._facts[name]
        except KeyError:
            raise FixtureError(f"no published value is named {name!r}") from None

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """A published tensor as a float64 (or bool) array."""
        array = np.array(self[name])
        return _frozen(array if array.dtype == bool else array.astype(np.float64))

    def generated(self, recipe: str) -> dict[str, np.ndarray[Any, Any]]:
        """The arrays of one recipe of the suite."""
        if recipe not in self._read:
            path = self._generated / f"{recipe}.npz"
            try:
                with np.load(path, allow_pickle=False) as file:
                    self._read[recipe] = {name: _frozen(file[name]) for name in file.files}
            except (OSError, ValueError, zipfile.BadZipFile) as error:
                raise FixtureError(f"{path.name} cannot be read ({error}); run `grade.py fixtures`") from None
        return self._read[recipe]


def _frozen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One check must not spoil it for the next submission."""
    array.setflags(write=False)
    return array
