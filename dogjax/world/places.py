"""The four places where the embedded dogs are filmed; a generator sets the layout and the colours of each."""

import numpy as np

from dogjax.world.paint import (
    ASIDE,
    AWAY,
    COLUMNS,
    HEIGHT,
    HORIZON,
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


def garden(rng: np.random.Generator) -> np.ndarray:
    """A lawn before a hedge and bushes, with or without a fence."""
    image = sky(rng)
    edge = row_at(rng.uniform(5.5, 8.0))
    leaves(rng, image, rng.uniform(18, 50), edge, vary(rng, 0.2, 0.33, 0.14))
    if rng.random() < 0.6:
        top = edge - rng.uniform(24, 40)
        planks = 1 - 0.4 * lines(COLUMNS + 0 * ROWS, rng.uniform(6, 11), 1.4) + 0.08 * grain(rng, 9)
        over(image, box(-9, WIDTH + 9, top, edge), vary(rng, 0.55, 0.42, 0.3) * planks[..., None])
    for _ in range(rng.integers(3, 7)):
        x, size = rng.uniform(0, WIDTH), rng.uniform(9, 24)
        bush = vary(rng, 0.22, 0.38, 0.15) * (1 + 0.35 * grain(rng, 7))[..., None]
        over(image, disc(x, edge - size * 0.6, size * 1.3, size), bush)
    grass = 1 + 0.2 * grain(rng, 30, 3) + 0.18 * grain(rng, 5, 1.5)
    mown = 0.08 * np.sign(np.sin(ASIDE * rng.uniform(3, 6) + 0.4 * AWAY)) * rng.integers(0, 2)
    lawn = vary(rng, 0.34, 0.46, 0.18) * (grass + mown)[..., None]
    over(image, (ROWS - edge + 0.5).clip(0, 1) + 0 * COLUMNS, lawn)
    for _ in range(rng.integers(0, 50)):
        x, away = rng.uniform(0, WIDTH), rng.uniform(1.6, 6)
        over(image, disc(x, row_at(away), 4 / away, 3 / away), vary(rng, 0.9, 0.85, 0.6, by=0.1))
    return image


def beach(rng: np.random.Generator) -> np.ndarray:
    """Sand and stones before the sea."""
    image = sky(rng)
    if rng.random() < 0.7:
        land = HORIZON - 5 - 8 * noise(rng, (1, WIDTH), (1, 90)).clip(-0.6, 1)
        over(image, (ROWS - land).clip(0, 1) * (ROWS < HORIZON), vary(rng, 0.4, 0.47, 0.5))
    shore = row_at(rng.uniform(7.0, 12.0)) + 2 * noise(rng, (1, WIDTH), (1, 60))
    waves = 1 + 0.2 * grain(rng, 40, 9) + 0.12 * grain(rng, 12, 5)
    over(image, (ROWS >= HORIZON) + 0 * COLUMNS, vary(rng, 0.25, 0.46, 0.55) * waves[..., None])
    for _ in range(rng.integers(1, 4)):
        crest = shore - rng.uniform(0, 12) + noise(rng, (1, WIDTH), (1, 40))
        over(image, (1.6 - np.abs(ROWS - crest)).clip(0, 1) * 0.8, np.array([0.95, 0.96, 0.96]))
    wet = (1 - (ROWS - shore) / rng.uniform(10, 28)).clip(0, 1)[..., None]
    ripples = 1 + 0.09 * grain(rng, 25, 4) + 0.07 * grain(rng, 4)
    sand = vary(rng, 0.77, 0.67, 0.5) * ripples[..., None] * (1 - 0.35 * wet)
    over(image, (ROWS - shore + 0.5).clip(0, 1), sand)
    for _ in range(rng.integers(10, 45)):
        x, away = rng.uniform(0, WIDTH), rng.uniform(1.5, 7)
        stone = vary(rng, 0.5, 0.45, 0.4, by=0.12)
        over(image, disc(x, row_at(away), rng.uniform(3, 9) / away, rng.uniform(2, 4) / away), stone)
    return image


def livingroom(rng: np.random.Generator) -> np.ndarray:
    """A floor of boards with a rug, before sofas and a wall with pictures."""
    edge = row_at(rng.uniform(4.6, 5.6))
    wall = np.array([vary(rng, 0.78, 0.72, 0.62), vary(rng, 0.62, 0.68, 0.66), vary(rng, 0.72, 0.6, 0.52)])
    image = wall[rng.integers(3)] * (1 + 0.05 * grain(rng, 90))[..., None]
    for _ in range(rng.integers(2, 5)):
        x, wide, high = rng.uniform(0, WIDTH), rng.uniform(15, 38), rng.uniform(18, 34)
        top = rng.uniform(8, 34)
        over(image, box(x, x + wide, top, top + high), vary(rng, 0.32, 0.25, 0.2))
        picture = vary(rng, 0.6, 0.62, 0.65, by=0.15) + 0.15 * grain(rng, 22)[..., None]
        over(image, box(x + 2, x + wide - 2, top + 2, top + high - 2), picture)
    over(image, box(-9, WIDTH + 9, edge - 5, edge), vary(rng, 0.88, 0.86, 0.82))
    for _ in range(rng.integers(2, 4)):
        _sofa(rng, image, rng.uniform(-30, WIDTH - 40), edge)
    across, spacing = (ASIDE, rng.uniform(0.14, 0.3)) if rng.random() < 0.6 else (AWAY + 0 * COLUMNS, 0.25)
    board = np.sin(np.floor(across / spacing) * 91.7) * 0.1
    planks = 1 + board + 0.08 * grain(rng, 18, 3) - 0.4 * lines(across, spacing, 0.014)
    over(image, (ROWS - edge + 0.5).clip(0, 1) + 0 * COLUMNS, vary(rng, 0.56, 0.4, 0.26) * planks[..., None])
    rug = np.hypot((ASIDE - rng.uniform(-1, 1)) / rng.uniform(0.9, 1.6), (AWAY - rng.uniform(2.2, 3.2)) / 0.8)
    weave = 1 + 0.12 * np.sign(np.sin(rug * rng.uniform(9, 20))) + 0.06 * grain(rng, 5)
    over(image, ((1 - rug) * 30).clip(0, 1) * (edge < ROWS), vary(rng, 0.55, 0.4, 0.38, by=0.12) * weave[..., None])
    return image


def _sofa(rng: np.random.Generator, image: np.ndarray, left: float, edge: float) -> None:
    wide, floor, fold = rng.uniform(60, 110), edge + rng.uniform(2, 7), 0.06 * grain(rng, 14)
    colour = vary(rng, 0.42, 0.42, 0.46, by=0.12)
    for x, right, top, bottom, shade in (
        (left, left + wide, floor - 42, floor - 8, 0.85),
        (left, left + wide, floor - 22, floor - 3, 1.1),
        (left - 7, left + 4, floor - 31, floor, 1.0),
        (left + wide - 4, left + wide + 7, floor - 31, floor, 1.0),
    ):
        over(image, box(x, right, top, bottom, 2.5), colour * (shade + fold)[..., None])


def street(rng: np.random.Generator) -> np.ndarray:
    """A pavement before parked cars and a row of houses."""
    edge = row_at(rng.uniform(6.0, 8.5))
    image = np.zeros((HEIGHT, WIDTH, 3))
    left = -rng.uniform(0, 60)
    while left < WIDTH:
        right = left + rng.uniform(70, 130)
        _house(rng, image, left, right, edge)
        left = right
    kerb = row_at(rng.uniform(3.9, 4.6))
    asphalt = vary(rng, 0.36, 0.36, 0.37) * (1 + 0.12 * grain(rng, 26, 3) + 0.08 * grain(rng, 4))[..., None]
    over(image, (ROWS - edge + 0.5).clip(0, 1) + 0 * COLUMNS, asphalt)
    for _ in range(rng.integers(1, 4)):
        _car(rng, image, rng.uniform(-20, WIDTH - 60), row_at(rng.uniform(4.9, 5.6)))
    over(image, box(-9, WIDTH + 9, kerb - 4, kerb), vary(rng, 0.72, 0.71, 0.69))
    size = rng.uniform(0.4, 0.8)
    joints = np.maximum(lines(ASIDE, size, 0.03), lines(AWAY + 0 * COLUMNS, size, 0.03))
    slabs = 1 + 0.07 * np.sin(np.floor(ASIDE / size) * 57.1 + np.floor(AWAY / size) * 31.3)
    paving = vary(rng, 0.58, 0.56, 0.53) * (slabs + 0.09 * grain(rng, 12) - 0.3 * joints)[..., None]
    over(image, (ROWS - kerb + 0.5).clip(0, 1) + 0 * COLUMNS, paving)
    return image


def _house(rng: np.random.Generator, image: np.ndarray, left: float, right: float, edge: float) -> None:
    plaster = [(0.62, 0.38, 0.3), (0.74, 0.68, 0.58), (0.6, 0.6, 0.6), (0.7, 0.62, 0.48)]
    bricks = 1 + 0.07 * grain(rng, 8) - 0.08 * lines(ROWS + 0 * COLUMNS, 4, 1)
    over(image, box(left, right, -9, edge), vary(rng, *plaster[rng.integers(4)]) * bricks[..., None])
    glass = vary(rng, 0.3, 0.35, 0.4) + 0.15 * grain(rng, 20)[..., None]
    frame = vary(rng, 0.88, 0.88, 0.86)
    for x in np.arange(left + 9, right - 16, rng.uniform(24, 34)):
        for top in (4.0, 44.0):
            over(image, box(x, x + 15, top, top + 26), frame)
            over(image, box(x + 2, x + 13, top + 2, top + 24), glass)
    door = rng.uniform(left + 5, right - 22)
    over(image, box(door, door + 17, edge - 44, edge), vary(rng, 0.35, 0.25, 0.25, by=0.15))


def _car(rng: np.random.Generator, image: np.ndarray, left: float, floor: float) -> None:
    paint = vary(rng, *[(0.6, 0.12, 0.12), (0.2, 0.3, 0.5), (0.75, 0.75, 0.75), (0.15, 0.15, 0.16)][rng.integers(4)])
    over(image, box(left - 3, left + 108, floor - 3, floor + 3, 5) * 0.6, np.array([0.1, 0.1, 0.1]))
    over(image, box(left + 20, left + 84, floor - 39, floor - 18, 6), paint * 0.9)
    over(image, box(left + 25, left + 79, floor - 36, floor - 22, 4), np.array([0.2, 0.25, 0.3]))
    over(image, box(left, left + 105, floor - 24, floor - 5, 6), paint)
    for x in (left + 20, left + 84):
        over(image, disc(x, floor - 6, 9, 9), np.array([0.08, 0.08, 0.08]))
        over(image, disc(x, floor - 6, 4, 4), np.array([0.55, 0.55, 0.55]))
