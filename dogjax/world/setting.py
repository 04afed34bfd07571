"""What all films of a world share: who is filmed, where, and with what hand."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from dogjax.world import dog, places


@dataclasses.dataclass(frozen=True)
class Place:
    """A background: `draw` returns a panorama, as `paint` describes it."""

    draw: Callable[[np.random.Generator], np.ndarray]
    indoors: bool = False


@dataclasses.dataclass(frozen=True)
class Hand:
    """How the camera is held.

    Attributes:
      near, far: metres to the dog.
      sway: shares of the picture's width and height by which the aim strays slowly.
      shiver: pixels by which it strays quickly; each recording draws its own between these two.
      swing: radians by which the camera walks round the dog, to and fro.
    """

    near: float = 0.75
    far: float = 1.6
    sway: tuple[float, float] = (0.15, 0.06)
    shiver: tuple[float, float] = (0.8, 2.5)
    swing: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """What is fixed in a world. `version` changes with anything that changes a pixel."""

    version: int
    looks: Mapping[str, dog.Look]
    places: Mapping[str, Place]
    hand: Hand


_WHITE = (0.92, 0.88, 0.82)

_LOOKS = {
    "biscuit": dog.Look(
        height=0.56, length=1.0, legs=1.0, coat=(0.8, 0.6, 0.38), belly=(0.86, 0.7, 0.5), ears="drop",
        ear_colour=(0.64, 0.43, 0.25), muzzle=(0.82, 0.64, 0.44), snout=1.0, tail="low", tail_tip=(0.84, 0.67, 0.46),
        chest=_WHITE, socks=(_WHITE, None, None, None),
    ),
    "toffee": dog.Look(
        height=0.55, length=1.0, legs=1.0, coat=(0.5, 0.28, 0.14), belly=(0.57, 0.36, 0.2), ears="button",
        ear_colour=(0.28, 0.16, 0.09), muzzle=(0.24, 0.15, 0.1), snout=0.95, tail="high", tail_tip=(0.42, 0.24, 0.12),
        chest=(0.57, 0.36, 0.2), socks=(None, None, None, None),
    ),
    "pepper": dog.Look(
        height=0.42, length=0.88, legs=0.95, coat=(0.2, 0.2, 0.22), belly=(0.32, 0.32, 0.34), ears="prick",
        ear_colour=(0.14, 0.14, 0.15), muzzle=(0.84, 0.83, 0.81), snout=0.75, tail="curl", tail_tip=_WHITE,
        chest=_WHITE, socks=(_WHITE, _WHITE, _WHITE, _WHITE), blaze=_WHITE,
    ),
}  # fmt: skip

EMBEDDED = Setting(
    version=1,
    looks=_LOOKS,
    places={
        "garden": Place(places.garden),
        "beach": Place(places.beach),
        "livingroom": Place(places.livingroom, indoors=True),
        "street": Place(places.street),
    },
    hand=Hand(),
)
