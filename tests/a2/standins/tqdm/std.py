"""The bar of the stand-in: it hands through what it is given and draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


class tqdm:
    """An iterable that is said to have a progress bar."""

    def __init__(self, iterable: Iterable[Any] = (), *_: Any, **__: Any) -> None:
        self.iterable = iterable
        self.n = 0

    def __iter__(self) -> Iterator[Any]:
        for item in self.iterable:
            yield item
            self.n += 1

    def __len__(self) -> int:
        return len(self.iterable)  # type: ignore[arg-type]

    def __enter__(self) -> tqdm:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def update(self, n: float = 1) -> None:
        self.n += int(n)

    @classmethod
    def write(cls, s: str, *_: Any, **__: Any) -> None:
        """Prints, as the real one does above its bars."""
        print(s)

    def _nothing(self, *_: Any, **__: Any) -> None:
        pass

    set_description = set_description_str = set_postfix = set_postfix_str = _nothing
    refresh = reset = close = clear = _nothing


def trange(*args: int, **_: Any) -> tqdm:
    return tqdm(range(*args))
