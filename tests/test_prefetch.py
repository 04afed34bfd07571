"""Items come in order, and so many are drawn before the first is used."""

import pytest

from dogjax.prefetch import prefetch


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_items_are_drawn_ahead_of_use_and_none_is_lost(count):
    drawn = []
    items = prefetch((drawn.append(number) or number for number in range(9)), count)
    assert not drawn  # before it is asked
    for used, item in enumerate(items):
        assert item == used
        assert len(drawn) == min(used + count, 9)
    assert used == 8
