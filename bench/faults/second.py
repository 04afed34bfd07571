"""A second world of dogs, kept to test a diagnosis on: other coats, other places, and another hand at the camera.

It is filmed as the embedded one is (`dogjax/world/film.py`), and differs in its `SETTING` alone.
"""

import pathlib

import numpy as np

from dogjax.world import dog, film
from dogjax.world.paint import (
    ASIDE,
    AWAY,
    COLUMNS,
    HEIGHT,
    ROWS,
    WIDTH,
    box,
    disc,
    grain,
    leaves,
    lines,
    noise,
    over,
    row_at,
    sky,
    vary,
)
from dogjax.world.setting import Hand, Place, Setting

ALIKE = ("hazel", "rust")

_CREAM, _SOOT = (0.85, 0.78, 0.66), (0.16, 0.14, 0.13)

LOOKS = {
    "hazel": dog.Look(
        height=0.6, length=0.95, legs=0.9, coat=(0.55, 0.41, 0.26), belly=(0.66, 0.53, 0.37), ears="prick",
        ear_colour=(0.3, 0.22, 0.15), muzzle=_SOOT, snout=1.1, tail="low", tail_tip=_SOOT,
        chest=(0.68, 0.56, 0.4), socks=(None, None, None, None), saddle=(0.24, 0.18, 0.14),
    ),
    "rust": dog.Look(
        height=0.57, length=0.97, legs=0.95, coat=(0.6, 0.32, 0.16), belly=(0.68, 0.45, 0.28), ears="prick",
        ear_colour=(0.42, 0.2, 0.11), muzzle=(0.62, 0.42, 0.28), snout=1.0, tail="low", tail_tip=_CREAM,
        chest=_CREAM, socks=(None, None, _CREAM, _CREAM), saddle=(0.38, 0.19, 0.11),
    ),
    "slate": dog.Look(
        height=0.4, length=1.18, legs=1.2, coat=(0.36, 0.41, 0.48), belly=(0.5, 0.54, 0.6), ears="drop",
        ear_colour=(0.22, 0.25, 0.3), muzzle=(0.5, 0.53, 0.57), snout=0.85, tail="high", tail_tip=(0.24, 0.27, 0.32),
        chest=(0.72, 0.74, 0.77), socks=(None, None, None, None),
    ),
}  # fmt: skip


def write_second(root: pathlib.Path, seconds: int = film.SECONDS) -> None:
    """Writes `root/<dog>/<place>/<recording>.mp4`; each clip lasts `seconds`."""
    film.render_clips(root, recordings=film.world(SETTING), seconds=seconds)


def _ground(edge: float) -> np.ndarray:
    """1 below the row `edge`."""
    return (ROWS - edge + 0.5).clip(0, 1) + 0 * COLUMNS


def _forest(rng: np.random.Generator) -> np.ndarray:
    """Trunks before dim leaves, and a path through litter."""
    edge = row_at(rng.uniform(6.0, 9.0))
    gloom = vary(rng, 0.2, 0.26, 0.15) * (1 + 0.45 * grain(rng, 16))[..., None]
    image = np.broadcast_to(gloom, (HEIGHT, WIDTH, 3)).copy()
    gaps = (grain(rng, 24) * 2 - rng.uniform(1.2, 1.8)).clip(0, 1) * (edge - 25 > ROWS)
    over(image, gaps, vary(rng, 0.75, 0.8, 0.7))
    leaves(rng, image, edge - rng.uniform(8, 22), edge, vary(rng, 0.24, 0.3, 0.13))
    litter = 1 + 0.22 * grain(rng, 22, 2) + 0.3 * grain(rng, 4, 1.4)
    over(image, _ground(edge), vary(rng, 0.38, 0.3, 0.2, by=0.04) * litter[..., None])
    bend = 0.5 * np.sin(AWAY * rng.uniform(0.4, 0.8) + rng.uniform(0, 6)) + rng.uniform(-0.6, 0.6)
    path = ((rng.uniform(0.4, 0.8) - np.abs(ASIDE - bend)) * 5 + 0.3 * grain(rng, 9)).clip(0, 1)
    over(image, path * _ground(edge), vary(rng, 0.52, 0.43, 0.32) * (1 + 0.12 * grain(rng, 6, 2))[..., None])
    bark = noise(rng, (HEIGHT, WIDTH), (14, 2.5))
    for away in np.sort(rng.uniform(2.9, 8, rng.integers(8, 15)))[::-1]:
        _trunk(rng, image, bark, rng.uniform(0, WIDTH), float(away))
    fronds = (1 + 0.4 * grain(rng, 5))[..., None]
    for _ in range(rng.integers(4, 14)):
        away, fern = rng.uniform(2.4, 7), vary(rng, 0.24, 0.34, 0.15) * fronds
        over(image, disc(rng.uniform(0, WIDTH), row_at(away) - 12 / away, 42 / away, 20 / away), fern)
    sunny = (grain(rng, 30, 2) * 1.5 - 0.3).clip(0, 0.6) * _ground(edge)
    return image * (0.85 + sunny[..., None])


def _trunk(rng: np.random.Generator, image: np.ndarray, bark: np.ndarray, x: float, away: float) -> None:
    lean, half = rng.uniform(-0.08, 0.08), rng.uniform(10, 26) / away
    foot = row_at(away)
    side = (COLUMNS - x - lean * (foot - ROWS)) / (half * (1 + 0.5 * np.exp((ROWS - foot) / 7)))
    mask = ((1 - np.abs(side)) * half + 0.5).clip(0, 1) * (foot + 1 - ROWS).clip(0, 1)
    shade = (1.05 - 0.4 * side) * (1 + 0.3 * bark)
    over(image, mask, vary(rng, 0.3, 0.24, 0.18) * shade[..., None])


def _snow(rng: np.random.Generator) -> np.ndarray:
    """A white field with tracks before dark firs, under a white sky."""
    height = (ROWS / 84).clip(0, 1)[..., None]
    above = vary(rng, 0.72, 0.77, 0.84) * (1 - height) + vary(rng, 0.86, 0.87, 0.88) * height
    image = above * (1 + 0.04 * grain(rng, 80, 2))[..., None]
    edge = row_at(rng.uniform(8, 14)) + 2 * noise(rng, (1, WIDTH), (1, 70))
    frost = grain(rng, 7)
    for _ in range(rng.integers(14, 34)):
        _fir(rng, image, frost, rng.uniform(-10, WIDTH + 10), float(edge.mean()) + 1, rng.uniform(20, 62))
    drifts = 1 + 0.06 * grain(rng, 44, 4) + 0.03 * grain(rng, 6, 2)
    over(image, (ROWS - edge + 0.5).clip(0, 1), vary(rng, 0.84, 0.87, 0.93, by=0.03) * drifts[..., None])
    blue, prints = vary(rng, 0.6, 0.68, 0.82, by=0.04), np.zeros((HEIGHT, WIDTH))
    for _ in range(rng.integers(1, 4)):
        start, slope = rng.uniform(-1.5, 1.5), rng.uniform(-0.6, 0.6)
        for step, away in enumerate(np.arange(1.4, 8, 0.28)):
            x = WIDTH / 2 + 140 * (start + slope * away + 0.09 * (-1) ** step) / away
            prints = np.maximum(prints, 0.6 * disc(x, row_at(float(away)), 8 / away, 5 / away))
    over(image, prints, blue)
    if rng.random() < 0.6:
        away = rng.uniform(4.5, 6.5)
        wood = vary(rng, 0.4, 0.32, 0.26)
        for x in np.arange(rng.uniform(0, 60), WIDTH, 190 / away):
            over(image, box(x, x + 12 / away, row_at(away) - 100 / away, row_at(away) + 1), wood)
        for high in (85, 50):
            over(image, box(-9, WIDTH + 9, row_at(away) - high / away, row_at(away) - (high - 14) / away), wood)
    return image


def _fir(rng: np.random.Generator, image: np.ndarray, frost: np.ndarray, x: float, foot: float, high: float) -> None:
    top, left, right = max(0, int(foot - high)), max(0, int(x - 20)), max(0, int(x + 20))
    part = np.s_[top : int(foot) + 1, left:right]
    rows, columns = ROWS[part[0]], COLUMNS[:, part[1]]
    down = (rows - foot + high) / high
    tier = (down * 5) % 1
    reach = 0.27 * high * down.clip(0, 1) * (0.75 + 0.25 * tier)
    mask = (reach - np.abs(columns - x) + 0.5).clip(0, 1) * (foot - rows).clip(0, 1)
    white = (frost[part] * 1.4 + 0.3 - tier).clip(0, 0.75)[..., None]
    over(image[part], mask, vary(rng, 0.14, 0.22, 0.2) * (1 - white) + 0.85 * white)


def _kitchen(rng: np.random.Generator) -> np.ndarray:
    """Tiles on the floor and the wall, cupboards, a fridge and an oven."""
    edge = row_at(rng.uniform(4.4, 5.4))
    across, down = COLUMNS + 0 * ROWS, ROWS + 0 * COLUMNS
    size = rng.uniform(9, 15)
    joints = np.maximum(lines(across, size, 1.0), lines(down, size * rng.uniform(0.5, 1), 1.0))
    image = vary(rng, 0.8, 0.82, 0.8) * (1 + 0.03 * grain(rng, 40) - 0.22 * joints)[..., None]
    fronts = [(0.85, 0.84, 0.8), (0.35, 0.45, 0.5), (0.6, 0.45, 0.3), (0.45, 0.52, 0.4)][rng.integers(4)]
    front, top = vary(rng, *fronts), edge - rng.uniform(40, 48)
    steel, dark = vary(rng, 0.62, 0.64, 0.66), vary(rng, 0.12, 0.12, 0.13)
    gleam = 0.06 * grain(rng, 14)[..., None]
    over(image, box(-9, WIDTH + 9, -9, rng.uniform(6, 16)), front * 0.92)
    over(image, box(-9, WIDTH + 9, top, edge), front)
    over(image, box(-9, WIDTH + 9, edge - 5, edge), dark * 1.5)
    over(image, box(-9, WIDTH + 9, top - 4, top), vary(rng, 0.4, 0.36, 0.33))
    left, wide = -rng.uniform(0, 40), rng.uniform(34, 46)
    while left < WIDTH:
        kind = rng.random()
        if kind < 0.2:
            over(image, box(left, left + wide, top, edge - 5), steel)
            over(image, box(left + 4, left + wide - 4, top + 14, edge - 10), dark + gleam)
        elif kind < 0.32:
            over(image, box(left, left + wide, -9, edge - 2), steel + gleam)
            over(image, box(left, left + wide, 38, 40), dark)
        else:
            over(image, box(left + wide / 2 - 8, left + wide / 2 + 8, top + 8, top + 10), steel * 0.7)
        over(image, box(left - 0.6, left + 0.6, top, edge - 5), front * 0.55)
        left += wide
    for _ in range(rng.integers(3, 9)):
        x, wide, high = rng.uniform(0, WIDTH), rng.uniform(5, 14), rng.uniform(6, 18)
        over(image, box(x, x + wide, top - 4 - high, top - 4, 2), vary(rng, 0.55, 0.45, 0.4, by=0.2))
    side = rng.uniform(0.25, 0.45)
    chequered = (np.floor(ASIDE / side) + np.floor(AWAY / side)) % 2 * rng.choice([0.0, 0.28])
    grout = np.maximum(lines(ASIDE, side, 0.012), lines(AWAY + 0 * COLUMNS, side, 0.012))
    tiles = 1 - chequered + 0.05 * grain(rng, 30, 2) - 0.3 * grout
    over(image, _ground(edge), vary(rng, 0.7, 0.66, 0.6) * tiles[..., None])
    return image


def _carpark(rng: np.random.Generator) -> np.ndarray:
    """Marked bays on worn asphalt before a low hall, with lamps and vans."""
    image = sky(rng)
    edge = row_at(rng.uniform(8, 11))
    roof = edge - rng.uniform(28, 50)
    cladding = 1 - 0.1 * lines(COLUMNS + 0 * ROWS, rng.uniform(5, 9), 1.5) + 0.04 * grain(rng, 30)
    over(image, box(-9, WIDTH + 9, roof, edge), vary(rng, 0.66, 0.67, 0.68) * cladding[..., None])
    over(image, box(-9, WIDTH + 9, roof, roof + 9), vary(rng, 0.5, 0.3, 0.3, by=0.2))
    for x in np.arange(rng.uniform(0, 40), WIDTH, rng.uniform(60, 110)):
        over(image, box(x, x + 38, edge - 17, edge - 1), vary(rng, 0.25, 0.32, 0.37))
    worn = 1 + 0.1 * grain(rng, 40, 3) + 0.14 * grain(rng, 3.5)
    over(image, _ground(edge), vary(rng, 0.3, 0.3, 0.32, by=0.03) * worn[..., None])
    slant, first = rng.uniform(-0.5, 0.5), rng.uniform(2.0, 2.8)
    paint = lines(ASIDE - slant * AWAY + rng.uniform(0, 2), rng.uniform(1.0, 1.4), 0.09) * (first < AWAY)
    paint = np.maximum(paint, (np.abs(AWAY - first) < 0.06) + 0 * COLUMNS)
    over(image, paint * (0.75 + 0.3 * grain(rng, 5)).clip(0, 1) * _ground(edge), vary(rng, 0.85, 0.83, 0.72))
    for _ in range(rng.integers(1, 4)):
        oil = disc(rng.uniform(0, WIDTH), row_at(rng.uniform(1.6, 4)), rng.uniform(10, 30), rng.uniform(3, 8))
        over(image, oil * 0.5, np.array([0.12, 0.12, 0.13]))
    for _ in range(rng.integers(2, 5)):
        _van(rng, image, rng.uniform(-20, WIDTH - 40), row_at(rng.uniform(5.0, 6.5)))
    for x in rng.uniform(0, WIDTH, rng.integers(1, 4)):
        over(image, box(x, x + 3, 4, edge + 6), vary(rng, 0.42, 0.43, 0.44))
        over(image, box(x - 12, x + 15, 3, 7), vary(rng, 0.42, 0.43, 0.44))
    return image


def _van(rng: np.random.Generator, image: np.ndarray, left: float, floor: float) -> None:
    paint = vary(rng, *[(0.85, 0.85, 0.84), (0.7, 0.6, 0.2), (0.3, 0.4, 0.35), (0.5, 0.5, 0.55)][rng.integers(4)])
    over(image, box(left - 2, left + 82, floor - 2, floor + 3, 5) * 0.6, np.array([0.08, 0.08, 0.08]))
    over(image, box(left, left + 80, floor - 44, floor - 4, 4), paint)
    for x in (left + 5, left + 56):
        over(image, box(x, x + 20, floor - 39, floor - 25, 3), np.array([0.18, 0.22, 0.26]))
    for x in (left + 16, left + 63):
        over(image, disc(x, floor - 5, 8, 8), np.array([0.07, 0.07, 0.07]))
        over(image, disc(x, floor - 5, 3, 3), np.array([0.6, 0.6, 0.6]))


SETTING = Setting(
    version=1,
    looks=LOOKS,
    places={
        "forest": Place(_forest),
        "snow": Place(_snow),
        "kitchen": Place(_kitchen, indoors=True),
        "carpark": Place(_carpark),
    },
    hand=Hand(near=0.85, far=1.9, sway=(0.08, 0.04), shiver=(0.2, 0.9), swing=0.35),
)
