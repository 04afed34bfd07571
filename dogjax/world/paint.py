"""What places are drawn with: a wide panorama for the camera to pan over, noise, shapes and colours.

A panorama is float32 `[HEIGHT, WIDTH, 3]` in 0..1 with the horizon at row `HORIZON`; the ground below
it is seen in perspective from `EYE` metres up with a focal length of `FOCAL` pixels.
"""

import numpy as np

HEIGHT, WIDTH, HORIZON = 240, 440, 84
FOCAL, EYE = 140.0, 1.0

ROWS = np.arange(HEIGHT, dtype=np.float32)[:, None]
COLUMNS = np.arange(WIDTH, dtype=np.float32)[None]
# Metres to the ground at each row, and to the right of the middle at each pixel.
AWAY = FOCAL * EYE / np.maximum(ROWS - HORIZON, 1)
ASIDE = (COLUMNS - WIDTH / 2) * AWAY / FOCAL


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


def grain(rng: np.random.Generator, coarse: float, flat: float = 1.0) -> np.ndarray:
    """Three octaves of noise over a panorama; `flat` above 1 draws it out sideways."""
    shape = (HEIGHT, WIDTH)
    octaves = [noise(rng, shape, (coarse / 3**k / flat + 1, coarse / 3**k + 1)) / 2**k for k in range(3)]
    return (octaves[0] + octaves[1] + octaves[2]) / 1.5


def vary(rng: np.random.Generator, *colour: float, by: float = 0.06) -> np.ndarray:
    """A colour near `colour`: its brightness and hue differ from one recording to the next."""
    return np.array(colour) * rng.uniform(1 - 2 * by, 1 + 2 * by) + rng.uniform(-by, by, 3)


def over(image: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> None:
    """Paints `colour` (one, or a picture) over `image` in place where `mask` is 1."""
    mask = mask[..., None]
    image += mask * (colour - image)


def box(left: float, right: float, top: float, bottom: float, soft: float = 1.0) -> np.ndarray:
    """The share of each pixel inside a rectangle whose edges fade over `soft` pixels."""
    across = ((np.minimum(COLUMNS - left, right - COLUMNS)) / soft + 0.5).clip(0, 1)
    down = ((np.minimum(ROWS - top, bottom - ROWS)) / soft + 0.5).clip(0, 1)
    return across * down


def disc(x: float, y: float, radius_x: float, radius_y: float) -> np.ndarray:
    """The share of each pixel inside an ellipse."""
    distance = np.hypot((COLUMNS - x) / radius_x, (ROWS - y) / radius_y)
    return ((1 - distance) * min(radius_x, radius_y) + 0.5).clip(0, 1)


def row_at(away: float) -> float:
    """The row where the ground is `away` metres from the camera."""
    return HORIZON + FOCAL * EYE / away


def lines(position: np.ndarray, spacing: float, width: float) -> np.ndarray:
    """1 on lines `width` wide every `spacing` along `position`, faded where a pixel is wider than a line."""
    step = np.abs(np.gradient(position, axis=1)) + np.abs(np.gradient(position, axis=0)) + 1e-6
    offset = np.abs((position / spacing + 0.5) % 1 - 0.5) * spacing
    return ((width / 2 - offset) / step + 0.5).clip(0, 1) * np.minimum(width / step, 1)


def sky(rng: np.random.Generator) -> np.ndarray:
    """A panorama of sky alone, with clouds or without."""
    height = (ROWS / HORIZON).clip(0, 1)[..., None]
    image = vary(rng, 0.45, 0.62, 0.85) * (1 - height) + vary(rng, 0.78, 0.84, 0.9) * height
    image = np.broadcast_to(image, (HEIGHT, WIDTH, 3)).copy()
    clouds = (grain(rng, 60, 2.5) * 1.6 + rng.uniform(-0.8, 0.6)).clip(0, 1) * 0.8
    over(image, clouds, np.array([0.93, 0.93, 0.94]))
    return image


def leaves(rng: np.random.Generator, image: np.ndarray, top: float, bottom: float, colour: np.ndarray) -> None:
    """A hedge, or a row of bushes and trees, between two rows."""
    edge = top + 9 * noise(rng, (1, WIDTH), (1, 36)) + 3 * noise(rng, (1, WIDTH), (1, 7))
    mask = (ROWS - edge + 0.5).clip(0, 1) * (bottom - ROWS + 0.5).clip(0, 1)
    depth = ((ROWS - edge) / (bottom - top)).clip(0, 1)
    shade = 1.15 - 0.5 * depth + 0.35 * grain(rng, 11)
    over(image, mask, colour * shade[..., None])
