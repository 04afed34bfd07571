"""The four places where the dogs are filmed, each drawn as a wide panorama for the camera to pan over.

A panorama is float32 `[HEIGHT, WIDTH, 3]` in 0..1 with the horizon at row `HORIZON`; the ground below
it is seen in perspective from `EYE` metres up with a focal length of `FOCAL` pixels.
"""

import numpy as np

HEIGHT, WIDTH, HORIZON = 240, 440, 84
FOCAL, EYE = 140.0, 1.0

_ROWS = np.arange(HEIGHT, dtype=np.float32)[:, None]
_COLUMNS = np.arange(WIDTH, dtype=np.float32)[None]
# Metres to the ground at each row, and to the right of the middle at each pixel.
_AWAY = FOCAL * EYE / np.maximum(_ROWS - HORIZON, 1)
_ASIDE = (_COLUMNS - WIDTH / 2) * _AWAY / FOCAL


def draw_place(name: str, rng: np.random.Generator) -> np.ndarray:
    """A panorama of `garden`, `beach`, `livingroom` or `street`; `rng` sets layout and colours."""
    draw = {"garden": _garden, "beach": _beach, "livingroom": _livingroom, "street": _street}[name]
    return draw(rng).clip(0, 1).astype(np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], cell: tuple[float, float]) -> np.ndarray:
    """Smooth noise `shape`, mean 0 and SD about 0.5, whose grain is `cell` (rows, columns) pixels."""
    positions = [np.arange(size) / step for size, step in zip(shape, cell)]
    (row, column), (down, across) = zip(*(_place_in_cell(position) for position in positions))
    lattice = rng.uniform(-1.5, 1.5, (row[-1] + 2, column[-1] + 2))
    rows = lattice[row] + down[:, None] * (lattice[row + 1] - lattice[row])
    return (rows[:, column] + across * (rows[:, column + 1] - rows[:, column])).astype(np.float32)


def _place_in_cell(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell of each position, and how far it is through it, eased at both ends."""
    low = position.astype(int)
    share = position - low
    return low, share * share * (3 - 2 * share)


def _grain(rng: np.random.Generator, coarse: float, flat: float = 1.0) -> np.ndarray:
    """Three octaves of noise over a panorama; `flat` above 1 draws it out sideways."""
    shape = (HEIGHT, WIDTH)
    octaves = [noise(rng, shape, (coarse / 3**k / flat + 1, coarse / 3**k + 1)) / 2**k for k in range(3)]
    return (octaves[0] + octaves[1] + octaves[2]) / 1.5


def _vary(rng: np.random.Generator, *colour: float, by: float = 0.06) -> np.ndarray:
    """A colour near `colour`: its brightness and hue differ from one recording to the next."""
    return np.array(colour) * rng.uniform(1 - 2 * by, 1 + 2 * by) + rng.uniform(-by, by, 3)


def _over(image: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> None:
    """Paints `colour` (one, or a picture) over `image` in place where `mask` is 1."""
    mask = mask[..., None]
    image += mask * (colour - image)


def _box(left: float, right: float, top: float, bottom: float, soft: float = 1.0) -> np.ndarray:
    across = ((np.minimum(_COLUMNS - left, right - _COLUMNS)) / soft + 0.5).clip(0, 1)
    down = ((np.minimum(_ROWS - top, bottom - _ROWS)) / soft + 0.5).clip(0, 1)
    return across * down


def _disc(x: float, y: float, radius_x: float, radius_y: float) -> np.ndarray:
    distance = np.hypot((_COLUMNS - x) / radius_x, (_ROWS - y) / radius_y)
    return ((1 - distance) * min(radius_x, radius_y) + 0.5).clip(0, 1)


def _row_at(away: float) -> float:
    """The row where the ground is `away` metres from the camera."""
    return HORIZON + FOCAL * EYE / away


def _lines(position: np.ndarray, spacing: float, width: float) -> np.ndarray:
    """1 on lines `width` wide every `spacing` along `position`, faded where a pixel is wider than a line."""
    step = np.abs(np.gradient(position, axis=1)) + np.abs(np.gradient(position, axis=0)) + 1e-6
    offset = np.abs((position / spacing + 0.5) % 1 - 0.5) * spacing
    return ((width / 2 - offset) / step + 0.5).clip(0, 1) * np.minimum(width / step, 1)


def _sky(rng: np.random.Generator) -> np.ndarray:
    height = (_ROWS / HORIZON).clip(0, 1)[..., None]
    image = _vary(rng, 0.45, 0.62, 0.85) * (1 - height) + _vary(rng, 0.78, 0.84, 0.9) * height
    image = np.broadcast_to(image, (HEIGHT, WIDTH, 3)).copy()
    clouds = (_grain(rng, 60, 2.5) * 1.6 + rng.uniform(-0.8, 0.6)).clip(0, 1) * 0.8
    _over(image, clouds, np.array([0.93, 0.93, 0.94]))
    return image


def _leaves(rng: np.random.Generator, image: np.ndarray, top: float, bottom: float, colour: np.ndarray) -> None:
    """A hedge, or a row of bushes and trees, between two rows."""
    edge = top + 9 * noise(rng, (1, WIDTH), (1, 36)) + 3 * noise(rng, (1, WIDTH), (1, 7))
    mask = (_ROWS - edge + 0.5).clip(0, 1) * (bottom - _ROWS + 0.5).clip(0, 1)
    depth = ((_ROWS - edge) / (bottom - top)).clip(0, 1)
    shade = 1.15 - 0.5 * depth + 0.35 * _grain(rng, 11)
    _over(image, mask, colour * shade[..., None])


def _garden(rng: np.random.Generator) -> np.ndarray:
    image = _sky(rng)
    edge = _row_at(rng.uniform(5.5, 8.0))
    _leaves(rng, image, rng.uniform(18, 50), edge, _vary(rng, 0.2, 0.33, 0.14))
    if rng.random() < 0.6:
        top = edge - rng.uniform(24, 40)
        planks = 1 - 0.4 * _lines(_COLUMNS + 0 * _ROWS, rng.uniform(6, 11), 1.4) + 0.08 * _grain(rng, 9)
        _over(image, _box(-9, WIDTH + 9, top, edge), _vary(rng, 0.55, 0.42, 0.3) * planks[..., None])
    for _ in range(rng.integers(3, 7)):
        x, size = rng.uniform(0, WIDTH), rng.uniform(9, 24)
        bush = _vary(rng, 0.22, 0.38, 0.15) * (1 + 0.35 * _grain(rng, 7))[..., None]
        _over(image, _disc(x, edge - size * 0.6, size * 1.3, size), bush)
    grass = 1 + 0.2 * _grain(rng, 30, 3) + 0.18 * _grain(rng, 5, 1.5)
    mown = 0.08 * np.sign(np.sin(_ASIDE * rng.uniform(3, 6) + 0.4 * _AWAY)) * rng.integers(0, 2)
    lawn = _vary(rng, 0.34, 0.46, 0.18) * (grass + mown)[..., None]
    _over(image, (_ROWS - edge + 0.5).clip(0, 1) + 0 * _COLUMNS, lawn)
    for _ in range(rng.integers(0, 50)):
        x, away = rng.uniform(0, WIDTH), rng.uniform(1.6, 6)
        _over(image, _disc(x, _row_at(away), 4 / away, 3 / away), _vary(rng, 0.9, 0.85, 0.6, by=0.1))
    return image


def _beach(rng: np.random.Generator) -> np.ndarray:
    image = _sky(rng)
    if rng.random() < 0.7:
        land = HORIZON - 5 - 8 * noise(rng, (1, WIDTH), (1, 90)).clip(-0.6, 1)
        _over(image, (_ROWS - land).clip(0, 1) * (_ROWS < HORIZON), _vary(rng, 0.4, 0.47, 0.5))
    shore = _row_at(rng.uniform(7.0, 12.0)) + 2 * noise(rng, (1, WIDTH), (1, 60))
    waves = 1 + 0.2 * _grain(rng, 40, 9) + 0.12 * _grain(rng, 12, 5)
    _over(image, (_ROWS >= HORIZON) + 0 * _COLUMNS, _vary(rng, 0.25, 0.46, 0.55) * waves[..., None])
    for _ in range(rng.integers(1, 4)):
        crest = shore - rng.uniform(0, 12) + noise(rng, (1, WIDTH), (1, 40))
        _over(image, (1.6 - np.abs(_ROWS - crest)).clip(0, 1) * 0.8, np.array([0.95, 0.96, 0.96]))
    wet = (1 - (_ROWS - shore) / rng.uniform(10, 28)).clip(0, 1)[..., None]
    ripples = 1 + 0.09 * _grain(rng, 25, 4) + 0.07 * _grain(rng, 4)
    sand = _vary(rng, 0.77, 0.67, 0.5) * ripples[..., None] * (1 - 0.35 * wet)
    _over(image, (_ROWS - shore + 0.5).clip(0, 1), sand)
    for _ in range(rng.integers(10, 45)):
        x, away = rng.uniform(0, WIDTH), rng.uniform(1.5, 7)
        stone = _vary(rng, 0.5, 0.45, 0.4, by=0.12)
        _over(image, _disc(x, _row_at(away), rng.uniform(3, 9) / away, rng.uniform(2, 4) / away), stone)
    return image


def _livingroom(rng: np.random.Generator) -> np.ndarray:
    edge = _row_at(rng.uniform(4.6, 5.6))
    wall = np.array([_vary(rng, 0.78, 0.72, 0.62), _vary(rng, 0.62, 0.68, 0.66), _vary(rng, 0.72, 0.6, 0.52)])
    image = wall[rng.integers(3)] * (1 + 0.05 * _grain(rng, 90))[..., None]
    for _ in range(rng.integers(2, 5)):
        x, wide, high = rng.uniform(0, WIDTH), rng.uniform(15, 38), rng.uniform(18, 34)
        top = rng.uniform(8, 34)
        _over(image, _box(x, x + wide, top, top + high), _vary(rng, 0.32, 0.25, 0.2))
        picture = _vary(rng, 0.6, 0.62, 0.65, by=0.15) + 0.15 * _grain(rng, 22)[..., None]
        _over(image, _box(x + 2, x + wide - 2, top + 2, top + high - 2), picture)
    _over(image, _box(-9, WIDTH + 9, edge - 5, edge), _vary(rng, 0.88, 0.86, 0.82))
    for _ in range(rng.integers(2, 4)):
        _sofa(rng, image, rng.uniform(-30, WIDTH - 40), edge)
    across, spacing = (_ASIDE, rng.uniform(0.14, 0.3)) if rng.random() < 0.6 else (_AWAY + 0 * _COLUMNS, 0.25)
    board = np.sin(np.floor(across / spacing) * 91.7) * 0.1
    planks = 1 + board + 0.08 * _grain(rng, 18, 3) - 0.4 * _lines(across, spacing, 0.014)
    _over(image, (_ROWS - edge + 0.5).clip(0, 1) + 0 * _COLUMNS, _vary(rng, 0.56, 0.4, 0.26) * planks[..., None])
    rug = np.hypot((_ASIDE - rng.uniform(-1, 1)) / rng.uniform(0.9, 1.6), (_AWAY - rng.uniform(2.2, 3.2)) / 0.8)
    weave = 1 + 0.12 * np.sign(np.sin(rug * rng.uniform(9, 20))) + 0.06 * _grain(rng, 5)
    _over(image, ((1 - rug) * 30).clip(0, 1) * (edge < _ROWS), _vary(rng, 0.55, 0.4, 0.38, by=0.12) * weave[..., None])
    return image


def _sofa(rng: np.random.Generator, image: np.ndarray, left: float, edge: float) -> None:
    wide, floor, fold = rng.uniform(60, 110), edge + rng.uniform(2, 7), 0.06 * _grain(rng, 14)
    colour = _vary(rng, 0.42, 0.42, 0.46, by=0.12)
    for x, right, top, bottom, shade in (
        (left, left + wide, floor - 42, floor - 8, 0.85),
        (left, left + wide, floor - 22, floor - 3, 1.1),
        (left - 7, left + 4, floor - 31, floor, 1.0),
        (left + wide - 4, left + wide + 7, floor - 31, floor, 1.0),
    ):
        _over(image, _box(x, right, top, bottom, 2.5), colour * (shade + fold)[..., None])


def _street(rng: np.random.Generator) -> np.ndarray:
    edge = _row_at(rng.uniform(6.0, 8.5))
    image = np.zeros((HEIGHT, WIDTH, 3))
    left = -rng.uniform(0, 60)
    while left < WIDTH:
        right = left + rng.uniform(70, 130)
        _house(rng, image, left, right, edge)
        left = right
    kerb = _row_at(rng.uniform(3.9, 4.6))
    asphalt = _vary(rng, 0.36, 0.36, 0.37) * (1 + 0.12 * _grain(rng, 26, 3) + 0.08 * _grain(rng, 4))[..., None]
    _over(image, (_ROWS - edge + 0.5).clip(0, 1) + 0 * _COLUMNS, asphalt)
    for _ in range(rng.integers(1, 4)):
        _car(rng, image, rng.uniform(-20, WIDTH - 60), _row_at(rng.uniform(4.9, 5.6)))
    _over(image, _box(-9, WIDTH + 9, kerb - 4, kerb), _vary(rng, 0.72, 0.71, 0.69))
    size = rng.uniform(0.4, 0.8)
    joints = np.maximum(_lines(_ASIDE, size, 0.03), _lines(_AWAY + 0 * _COLUMNS, size, 0.03))
    slabs = 1 + 0.07 * np.sin(np.floor(_ASIDE / size) * 57.1 + np.floor(_AWAY / size) * 31.3)
    paving = _vary(rng, 0.58, 0.56, 0.53) * (slabs + 0.09 * _grain(rng, 12) - 0.3 * joints)[..., None]
    _over(image, (_ROWS - kerb + 0.5).clip(0, 1) + 0 * _COLUMNS, paving)
    return image


def _house(rng: np.random.Generator, image: np.ndarray, left: float, right: float, edge: float) -> None:
    plaster = [(0.62, 0.38, 0.3), (0.74, 0.68, 0.58), (0.6, 0.6, 0.6), (0.7, 0.62, 0.48)]
    bricks = 1 + 0.07 * _grain(rng, 8) - 0.08 * _lines(_ROWS + 0 * _COLUMNS, 4, 1)
    _over(image, _box(left, right, -9, edge), _vary(rng, *plaster[rng.integers(4)]) * bricks[..., None])
    glass = _vary(rng, 0.3, 0.35, 0.4) + 0.15 * _grain(rng, 20)[..., None]
    frame = _vary(rng, 0.88, 0.88, 0.86)
    for x in np.arange(left + 9, right - 16, rng.uniform(24, 34)):
        for top in (4.0, 44.0):
            _over(image, _box(x, x + 15, top, top + 26), frame)
            _over(image, _box(x + 2, x + 13, top + 2, top + 24), glass)
    door = rng.uniform(left + 5, right - 22)
    _over(image, _box(door, door + 17, edge - 44, edge), _vary(rng, 0.35, 0.25, 0.25, by=0.15))


def _car(rng: np.random.Generator, image: np.ndarray, left: float, floor: float) -> None:
    paint = _vary(rng, *[(0.6, 0.12, 0.12), (0.2, 0.3, 0.5), (0.75, 0.75, 0.75), (0.15, 0.15, 0.16)][rng.integers(4)])
    _over(image, _box(left - 3, left + 108, floor - 3, floor + 3, 5) * 0.6, np.array([0.1, 0.1, 0.1]))
    _over(image, _box(left + 20, left + 84, floor - 39, floor - 18, 6), paint * 0.9)
    _over(image, _box(left + 25, left + 79, floor - 36, floor - 22, 4), np.array([0.2, 0.25, 0.3]))
    _over(image, _box(left, left + 105, floor - 24, floor - 5, 6), paint)
    for x in (left + 20, left + 84):
        _over(image, _disc(x, floor - 6, 9, 9), np.array([0.08, 0.08, 0.08]))
        _over(image, _disc(x, floor - 6, 4, 4), np.array([0.55, 0.55, 0.55]))
