"""A dog drawn from any side: a skeleton of rounded cones, posed in three dimensions.

Body coordinates are (forward, up, left) in units of the dog's height at the shoulder, feet on 0.
Cones are drawn with a depth buffer at twice the resolution, so joints, turning and partial views
need no special case.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

Colour = tuple[float, float, float]
SUPERSAMPLING = 2
FUR_CELLS = 64


@dataclasses.dataclass(frozen=True)
class Look:
    """What does not change about a dog. Colours are linear-ish RGB in 0..1."""

    height: float  # metres at the shoulder
    length: float  # trunk against that of a retriever
    legs: float  # thickness against that of a retriever
    coat: Colour
    belly: Colour
    ears: str  # drop, button or prick
    ear_colour: Colour
    muzzle: Colour
    snout: float  # length against that of a retriever
    tail: str  # low, high or curl
    tail_tip: Colour
    chest: Colour
    socks: tuple[Colour | None, Colour | None, Colour | None, Colour | None]  # front l r, hind l r
    blaze: Colour | None = None
    saddle: Colour | None = None


@dataclasses.dataclass(frozen=True)
class Pose:
    """What changes from frame to frame. Angles in radians."""

    heading: float  # 0: to the right of the picture, pi / 2: away from the camera
    phase: float  # of the gait
    stride: float  # 0 stands, 1 trots
    sit: float  # 0 stands, 1 sits
    neck: float  # elevation of the neck
    nod: float  # elevation of the head
    turn: float  # of the head to the dog's left
    wag: float  # of the tail


class Light(NamedTuple):
    """Direction to the sun or lamp (right, up, towards the camera), and the share of diffuse light."""

    direction: np.ndarray
    ambient: float


class Skeleton:
    """Rounded cones `[parts]` with a colour each, and spherical markings that recolour the surface."""

    def __init__(self) -> None:
        self.starts: list[np.ndarray] = []
        self.ends: list[np.ndarray] = []
        self.radii: list[tuple[float, float]] = []
        self.colours: list[Colour] = []
        self.markings: list[tuple[np.ndarray, float, Colour]] = []

    def chain(self, points: list, radii: list[float], colour: Colour) -> None:
        """Adds a chain of cones through `points`."""
        for start, end, *pair in zip(points, points[1:], radii, radii[1:]):
            self.starts.append(np.asarray(start, float))
            self.ends.append(np.asarray(end, float))
            self.radii.append((pair[0], pair[1]))
            self.colours.append(colour)

    def mark(self, centre: np.ndarray | tuple, radius: float, colour: Colour | None) -> None:
        """Recolours the surface within `radius` of `centre`."""
        if colour is not None:
            self.markings.append((np.asarray(centre, float), radius, colour))


def pose_skeleton(look: Look, pose: Pose) -> Skeleton:
    """The cones and markings of a dog in a pose, in body coordinates."""
    skeleton = Skeleton()
    half = 0.4 * look.length
    pitch = 0.62 * pose.sit
    shoulder = np.array([half, 0.74 + 0.02 * pose.sit, 0.0])
    backwards = np.array([-np.cos(pitch), -np.sin(pitch), 0.0])
    hip = shoulder + 2 * half * backwards + [0, 0.02, 0]
    _trunk(skeleton, look, shoulder, hip)
    _legs(skeleton, look, pose, shoulder, hip)
    _tail(skeleton, look, pose, hip)
    _head(skeleton, look, pose, shoulder)
    return skeleton


def _trunk(skeleton: Skeleton, look: Look, shoulder: np.ndarray, hip: np.ndarray) -> None:
    chest = shoulder + [0.05, -0.05, 0]
    waist = 0.45 * shoulder + 0.55 * hip + [0, -0.01, 0]
    skeleton.chain([chest, waist, hip], [0.245, 0.2, 0.2], look.coat)
    skeleton.mark(0.5 * (chest + hip) + [0, -0.27, 0], 0.2 * (1 + look.length) / 2, look.belly)
    skeleton.mark(chest + [0.16, -0.12, 0], 0.17, look.chest)
    skeleton.mark(0.5 * (shoulder + hip) + [0, 0.26, 0], 0.27 * look.length, look.saddle)


def _legs(skeleton: Skeleton, look: Look, pose: Pose, shoulder: np.ndarray, hip: np.ndarray) -> None:
    # A trot: diagonal legs move together.
    for index, (front, side, lag) in enumerate(((1, 1, 0), (1, -1, np.pi), (0, 1, np.pi), (0, -1, 0))):
        swing = pose.stride * np.sin(pose.phase + lag)
        lift = 0.1 * pose.stride * max(0.0, np.cos(pose.phase + lag))
        across = side * (0.125 if front else 0.12 + 0.05 * pose.sit)
        if front:
            top = shoulder + [0.0, -0.14, across]
            foot = np.array([shoulder[0] + 0.02 + 0.24 * swing, lift + 0.05, across])
            elbow = 0.5 * (top + foot) + [-0.05 - 0.04 * lift, 0.04, 0]
            wrist = 0.2 * elbow + 0.8 * foot + [0.01, 0.03, 0]
            radii = [0.12, 0.078, 0.06, 0.055]
        else:
            top = hip + [0.02, -0.06, across]
            foot = np.array([hip[0] - 0.04 + 0.26 * swing + 0.36 * pose.sit, lift + 0.05, across])
            elbow = 0.5 * (top + foot) + [0.11 + 0.14 * pose.sit, 0.03, 0.04 * side * pose.sit]
            wrist = foot + [-0.07, 0.17 - 0.11 * pose.sit, 0]
            radii = [0.155, 0.09, 0.058, 0.055]
        radii = [radius * look.legs for radius in radii]
        toe = foot + [0.08, -0.01, 0]
        skeleton.chain([top, elbow, wrist, foot, toe], [*radii, 0.05 * look.legs], look.coat)
        skeleton.mark(foot + [0.02, 0.02, 0], 0.16, look.socks[index])


def _tail(skeleton: Skeleton, look: Look, pose: Pose, hip: np.ndarray) -> None:
    root = hip + [-0.16, 0.1, 0]
    steps = {
        "low": [(-0.15, -0.08), (-0.14, -0.14), (-0.13, -0.04)],
        "high": [(-0.14, 0.1), (-0.08, 0.18), (0.0, 0.17)],
        "curl": [(-0.07, 0.15), (0.09, 0.14), (0.14, -0.01)],
    }[look.tail]
    points = [root]
    for reach, (forward, up) in enumerate(steps, start=1):
        points.append(points[-1] + [forward, up, 0.09 * pose.wag * reach])
    skeleton.chain(points, [0.07, 0.065, 0.06, 0.035], look.coat)
    skeleton.mark(points[-1], 0.13, look.tail_tip)


def _head(skeleton: Skeleton, look: Look, pose: Pose, shoulder: np.ndarray) -> None:
    throat = shoulder + [0.08, 0.08, 0]
    crown = throat + 0.34 * np.array([np.cos(pose.neck), np.sin(pose.neck), 0])
    skeleton.chain([throat, crown], [0.185, 0.135], look.coat)
    cos_nod, sin_nod, cos_turn, sin_turn = np.cos(pose.nod), np.sin(pose.nod), np.cos(pose.turn), np.sin(pose.turn)
    forward = np.array([cos_nod * cos_turn, sin_nod, cos_nod * sin_turn])
    up = np.array([-sin_nod * cos_turn, cos_nod, -sin_nod * sin_turn])
    left = np.array([-sin_turn, 0, cos_turn])

    def at(ahead: float, above: float, aside: float) -> np.ndarray:
        return crown + ahead * forward + above * up + aside * left

    tip = 0.16 + 0.18 * look.snout
    skeleton.chain([at(0.02, 0.03, 0), at(0.1, 0.03, 0)], [0.165, 0.15], look.coat)
    skeleton.chain([at(0.13, -0.02, 0), at(tip, -0.05, 0)], [0.1, 0.075], look.muzzle)
    skeleton.chain([at(tip + 0.04, -0.01, 0), at(tip + 0.05, -0.01, 0)], [0.042, 0.04], (0.05, 0.04, 0.04))
    for side in (1, -1):
        eye = at(0.2, 0.075, 0.075 * side)
        skeleton.chain([eye, eye + 0.01 * forward], [0.034, 0.03], (0.05, 0.035, 0.03))
        points, radii = {
            "drop": ([(0.0, 0.13, 0.11), (-0.01, 0.06, 0.18), (0.02, -0.1, 0.18)], [0.05, 0.065, 0.055]),
            "button": ([(-0.01, 0.14, 0.1), (-0.02, 0.24, 0.15), (0.06, 0.17, 0.2)], [0.06, 0.055, 0.035]),
            "prick": ([(-0.02, 0.13, 0.09), (-0.03, 0.23, 0.115), (-0.02, 0.33, 0.13)], [0.075, 0.055, 0.018]),
        }[look.ears]
        skeleton.chain([at(x, y, z * side) for x, y, z in points], radii, look.ear_colour)
    skeleton.mark(at(0.16, 0.12, 0), 0.085, look.blaze)


def draw_dog(
    frame: np.ndarray, look: Look, pose: Pose, feet: tuple[float, float], scale: float, pitch: float, light: Light,
    fur: np.ndarray,
) -> None:  # fmt: skip
    """Paints a dog over `frame` in place.

    Args:
      frame: float32 `[height, width, 3]` in 0..1.
      look: the dog.
      pose: its pose.
      feet: the pixel (x, y) of the ground between its feet.
      scale: pixels a metre.
      pitch: how far down the camera looks at it, radians.
      light: the light.
      fur: float32 `[FUR_CELLS, FUR_CELLS]` texture of the coat, about 1.
    """
    skeleton = pose_skeleton(look, pose)
    rotation = _to_camera(pose.heading, pitch)
    unit = scale * look.height * SUPERSAMPLING
    starts = _rotate(rotation, np.array(skeleton.starts).T).T * unit
    ends = _rotate(rotation, np.array(skeleton.ends).T).T * unit
    radii = np.array(skeleton.radii) * unit
    box = _bounds(frame.shape, feet, starts, ends, radii)
    if box is None:
        return
    left, top, width, height = box
    origin = np.array([feet[0] - left, feet[1] - top]) * SUPERSAMPLING
    surface = _rasterise(starts, ends, radii, origin, (height * SUPERSAMPLING, width * SUPERSAMPLING))
    paint = np.zeros((*surface.part.shape, 4), np.float32)
    seen = surface.part >= 0
    paint[seen, :3] = _shade(surface, seen, skeleton, rotation, unit, light, fur)
    paint[seen, 3] = 1
    paint = paint.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING, 4).mean((1, 3))
    view = frame[top : top + height, left : left + width]
    view *= 1 - paint[..., 3:]
    view += paint[..., :3]


class Surface(NamedTuple):
    """What each sample sees, all `[rows, columns]`: part (-1: none), position and normal."""

    part: np.ndarray
    x: np.ndarray
    y: np.ndarray
    depth: np.ndarray
    normal_x: np.ndarray
    normal_y: np.ndarray


def _to_camera(heading: float, pitch: float) -> np.ndarray:
    """Rotation `[3, 3]` from body coordinates to (right, down, away from the camera)."""
    cos, sin, cos_pitch, sin_pitch = np.cos(heading), np.sin(heading), np.cos(pitch), np.sin(pitch)
    right = np.array([cos, 0, -sin])
    away = np.array([sin, 0, cos])
    up = np.array([0, 1, 0])
    return np.stack([right, -(cos_pitch * up + sin_pitch * away), cos_pitch * away - sin_pitch * up])


def _rotate(rotation: np.ndarray, points: np.ndarray) -> np.ndarray:
    """`rotation` `[3, 3]` times `points` `[3, points]`, always summed in one order.

    Matrix products through BLAS differ in the last bit from one render to the next where several
    threads draw at once, and the clips must be the same bytes each time.
    """
    return np.einsum("ij,jk->ik", rotation, points)


def _bounds(
    shape: tuple[int, ...], feet: tuple[float, float], starts: np.ndarray, ends: np.ndarray, radii: np.ndarray
) -> tuple[int, int, int, int] | None:
    """The pixels that the dog may touch: left, top, width, height; None where it is out of the frame."""
    points = np.concatenate([starts, ends])[:, :2]
    margins = np.concatenate([radii[:, 0], radii[:, 1]])[:, None]
    low = np.floor((points - margins).min(0) / SUPERSAMPLING + feet).astype(int)
    high = np.ceil((points + margins).max(0) / SUPERSAMPLING + feet).astype(int)
    low = np.maximum(low, 0)
    high = np.minimum(high, [shape[1], shape[0]])
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _rasterise(
    starts: np.ndarray, ends: np.ndarray, radii: np.ndarray, origin: np.ndarray, shape: tuple[int, int]
) -> Surface:
    part = np.full(shape, -1, np.int32)
    depth = np.full(shape, np.inf, np.float32)
    normal_x = np.zeros(shape, np.float32)
    normal_y = np.zeros(shape, np.float32)
    xs = (np.arange(shape[1], dtype=np.float32) + 0.5 - np.float32(origin[0]))[None]
    ys = (np.arange(shape[0], dtype=np.float32) + 0.5 - np.float32(origin[1]))[:, None]
    for index, (start, end, (first, last)) in enumerate(zip(starts, ends, radii)):
        for a, b, radius_a, radius_b in _seen_as(start, end, first, last):
            reach = max(radius_a, radius_b)
            low = np.floor(np.minimum(a, b)[:2] - reach + origin).astype(int).clip(0)
            high = np.ceil(np.maximum(a, b)[:2] + reach + origin).astype(int).clip(0)
            window = (slice(low[1], high[1]), slice(low[0], high[0]))
            x, y = xs[:, window[1]], ys[window[0]]
            if not x.size or not y.size:
                continue
            across, down, away = (b - a).astype(np.float32)
            dx, dy = x - np.float32(a[0]), y - np.float32(a[1])
            along = ((dx * across + dy * down) / np.float32(across**2 + down**2 + 1e-6)).clip(0, 1)
            dx = dx - along * across
            dy = dy - along * down
            radius = np.float32(radius_a) + along * np.float32(radius_b - radius_a)
            height = radius * radius - dx * dx - dy * dy
            here = np.float32(a[2]) + along * away - np.sqrt(height.clip(0))
            seen = (height > 0) & (here < depth[window])
            depth[window][seen] = here[seen]
            part[window][seen] = index
            normal_x[window][seen] = (dx / radius)[seen]
            normal_y[window][seen] = (dy / radius)[seen]
    return Surface(part, np.broadcast_to(xs, shape), np.broadcast_to(ys, shape), depth, normal_x, normal_y)


def _seen_as(start: np.ndarray, end: np.ndarray, first: float, last: float) -> list[tuple]:
    """A cone seen along its axis is drawn as spheres: its outline is no longer that of two joined circles."""
    if np.hypot(*(end - start)[:2]) > 1.5 * abs(first - last) + 0.35 * min(first, last):
        return [(start, end, first, last)]
    steps = [(start + share * (end - start), first + share * (last - first)) for share in (0.0, 0.34, 0.67, 1.0)]
    return [(centre, centre, radius, radius) for centre, radius in steps]


def _shade(
    surface: Surface, seen: np.ndarray, skeleton: Skeleton, rotation: np.ndarray, unit: float, light: Light,
    fur: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Colours `[samples, 3]` of the samples that `seen` selects."""
    part = surface.part[seen]
    normal_x, normal_y = surface.normal_x[seen], surface.normal_y[seen]
    position = np.stack([surface.x[seen], surface.y[seen], surface.depth[seen]])
    body = _rotate((rotation.T / unit).astype(np.float32), position)
    colour = np.array(skeleton.colours, np.float32)[part]
    # Eyes and nose keep their colour under a marking.
    coated = np.array([max(paint) > 0.07 for paint in skeleton.colours])[part]
    for centre, radius, paint in skeleton.markings:
        distance = np.sqrt(((body - centre[:, None].astype(np.float32)) ** 2).sum(0))
        weight = (((np.float32(radius) - distance) / np.float32(0.05) + np.float32(0.5)).clip(0, 1) * coated)[:, None]
        colour += weight * (np.array(paint, np.float32) - colour)
    normal_z = np.sqrt((1 - normal_x**2 - normal_y**2).clip(0))
    right, up, near = (np.float32(each) for each in light.direction)
    direct = (normal_x * right - normal_y * up + normal_z * near).clip(0)
    sky = np.float32(0.7) - np.float32(0.3) * normal_y
    rows = (body[0] * 26).astype(np.int32) % FUR_CELLS
    columns = ((body[1] + np.float32(0.6) * body[2]) * 26).astype(np.int32) % FUR_CELLS
    ambient = np.float32(light.ambient)
    brightness = (ambient * sky + (1 - ambient) * direct * np.float32(1.25)) * fur[rows, columns]
    return colour * brightness[:, None]
