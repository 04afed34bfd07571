"""What is asked of a device, asked ahead of use: it works on the next while the last is looked at."""

import collections
import itertools
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """The items, of which `count` have been drawn and not yet used up, the one in use included."""
    rest = iter(items)
    drawn = collections.deque(itertools.islice(rest, count))
    while drawn:
        yield drawn.popleft()
        drawn.extend(itertools.islice(rest, 1))
