"""Prefetches items: the device computes the next one while the caller uses the current one."""

import collections
import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Yields the items; `count` of them, the one in use included, are drawn before they are needed."""
    rest = iter(items)
    drawn = collections.deque(itertools.islice(rest, count))
    while drawn:
        yield drawn.popleft()
        drawn.extend(itertools.islice(rest, 1))
