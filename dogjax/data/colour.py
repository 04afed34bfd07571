"""Maps frames of HDR video (HLG and PQ, ITU-R BT.2100) to the SDR picture of the same scene (BT.709).

The SDR picture is the one that the same camera would have recorded in SDR:

1. Each channel's signal is decoded to light, as a multiple of HDR reference white (75 % HLG, 58 % PQ = 203 cd/m2;
   ITU-R BT.2408, section 2.1), and encoded as an SDR signal with headroom above 1.
2. The frame is resized: in this encoding a mean over an area is the mean that an SDR frame would have.
3. Light is converted from BT.2020 to BT.709 primaries; colours outside BT.709 are clipped (ITU-R BT.2407, section 2).
4. Highlights between 93 and 1000 cd/m2 are rolled off into SDR white (ITU-R BT.2390, section 5.4.1). Nothing darker
   changes.

HLG describes the light of the scene, and SDR cameras encode it with the BT.709 OETF. PQ describes the light of a
display, and the light of an SDR display is BT.1886's (a power of 2.4). No picture, peak or scene is measured, so that
two frames of equal signal are mapped to equal pixels, in whatever recording.

Every machine computes the same bits: large tables of integers, integer sums, and square roots, which IEEE 754 rounds
exactly.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, ColorTrc, Interpolation, VideoReformatter

REFERENCE_WHITE = 203.0  # cd/m2
PEAK = 1000.0  # cd/m2, the nominal peak of HLG; brighter PQ is clipped

# swscale writes the 16-bit code 255 * 256, not 65535, for the white of a limited-range frame.
WHITE_CODE = 65280

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED

# 1.0 of an SDR signal. The peaks of HLG (1.90) and PQ (1.94) fit in 16 bits.
SIGNAL_ONE = 32768
LIGHT_ONE = 1 << 32

# ITU-R BT.2407, section 2, with two more digits: from the chromaticities of both recommendations.
BT2020_TO_BT709 = ((1_660_491, -587_641, -72_850), (-124_550, 1_132_900, -8_349), (-18_151, -100_579, 1_118_730))
MATRIX_ONE = 1_000_000

# Light is looked up by its fourth root, whose steps are fine where those of the SDR signal are.
MAX_LIGHT = 8 * LIGHT_ONE
ROOT_STEPS = 128

# FFmpeg's names, by the numbers that a frame carries (those of ISO/IEC 23091-2); "" is a reserved number or "unknown".
TRANSFER_NAMES = (
    *("", "bt709", "", "", "bt470m", "bt470bg", "smpte170m", "smpte240m", "linear", "log100", "log316"),
    *("iec61966-2-4", "bt1361e", "iec61966-2-1", "bt2020-10", "bt2020-12", "smpte2084", "smpte428", "arib-std-b67"),
)
PRIMARIES_NAMES = (
    *("", "bt709", "", "", "bt470m", "bt470bg", "smpte170m", "smpte240m", "film", "bt2020", "smpte428", "smpte431"),
    *("smpte432", "", "", "", "", "", "", "", "", "", "ebu3213"),
)
MATRIX_NAMES = (
    *("gbr", "bt709", "", "", "fcc", "bt470bg", "smpte170m", "smpte240m", "ycgco", "bt2020nc", "bt2020c", "smpte2085"),
    *("chroma-derived-nc", "chroma-derived-c", "ictcp", "ipt-c2", "ycgco-re", "ycgco-ro"),
)
RANGE_NAMES = ("", "tv", "pc")

Curve = Callable[[np.ndarray], np.ndarray]


def decode_hlg(signal: np.ndarray) -> np.ndarray:
    """Returns the scene's light, as a multiple of reference white. Inverse OETF, ITU-R BT.2100, table 5."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073

    def light(signal):
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)

    return light(signal) / light(np.float64(0.75))


def decode_pq(signal: np.ndarray) -> np.ndarray:
    """Returns the display's light, as a multiple of reference white, up to `PEAK`. EOTF, ITU-R BT.2100, table 4."""
    return np.minimum(_pq_to_luminance(signal), PEAK) / REFERENCE_WHITE


def encode_bt709(light: np.ndarray) -> np.ndarray:
    """Returns the SDR signal of a scene's light, above 1 too. OETF, ITU-R BT.709, section 1.2."""
    return np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 0.018) ** 0.45 - 0.099)


def decode_bt709(signal: np.ndarray) -> np.ndarray:
    """Inverts `encode_bt709`."""
    return np.where(signal < 0.081, signal / 4.5, ((signal + 0.099) / 1.099) ** (1 / 0.45))


def encode_bt1886(light: np.ndarray) -> np.ndarray:
    """Returns the SDR signal that makes a display emit `light`. Inverse EOTF, ITU-R BT.1886, annex 1."""
    return light ** (1 / 2.4)


def decode_bt1886(signal: np.ndarray) -> np.ndarray:
    """Inverts `encode_bt1886`."""
    return signal**2.4


def roll_off(signal: np.ndarray) -> np.ndarray:
    """Returns an SDR signal in [0, 1] for one with headroom: identity below 0.72, then a spline that ends at `PEAK`.

    The EETF of ITU-R BT.2390, section 5.4.1, from a display of `PEAK` to one whose white is `REFERENCE_WHITE`.
    """
    source, target = _luminance_to_pq(np.array([PEAK, REFERENCE_WHITE]))
    e1 = np.minimum(_luminance_to_pq(REFERENCE_WHITE * decode_bt1886(signal)) / source, 1)
    peak = target / source
    knee = 1.5 * peak - 0.5
    t = (e1 - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * peak
    rolled = encode_bt1886(_pq_to_luminance(spline * source) / REFERENCE_WHITE)
    return np.where(e1 < knee, signal, np.minimum(rolled, 1))


def name_of(number: int, names: tuple[str, ...]) -> str | None:
    """Returns the name that one of the tables above gives to a number; None if it gives none."""
    return (names[number] if 0 <= number < len(names) else "") or None


@dataclasses.dataclass(frozen=True)
class Transfer:
    """Describes a transfer characteristic of HDR video, and the SDR encoding of the same light.

    `decode`: signal in [0, 1] to light. `encode_sdr`: light to SDR signal. `decode_sdr`: its inverse.
    """

    decode: Curve
    encode_sdr: Curve
    decode_sdr: Curve

    @functools.cached_property
    def signals(self) -> np.ndarray:
        """Returns the SDR signal, in 1 / `SIGNAL_ONE`, of each code of a 16-bit HDR signal: uint16 `[65536]`."""
        hdr = np.minimum(np.arange(65536) / WHITE_CODE, 1)
        return np.rint(self.encode_sdr(self.decode(hdr)) * SIGNAL_ONE).astype(np.uint16)

    @functools.cached_property
    def light(self) -> np.ndarray:
        """Returns the light, in 1 / `LIGHT_ONE`, of each code of an SDR signal with headroom: int64 `[65536]`."""
        return np.rint(self.decode_sdr(np.arange(65536) / SIGNAL_ONE) * LIGHT_ONE).astype(np.int64)

    @functools.cached_property
    def pixels(self) -> np.ndarray:
        """Returns the pixel for each fourth root of light: uint8 `[55110]`."""
        light = (np.arange(_root_of(np.array([MAX_LIGHT]))[0] + 1) / ROOT_STEPS) ** 4 / LIGHT_ONE
        return np.rint(roll_off(self.encode_sdr(light)) * 255).astype(np.uint8)


TRANSFERS = {
    int(ColorTrc.ARIB_STD_B67): Transfer(decode_hlg, encode_bt709, decode_bt709),
    int(ColorTrc.SMPTE2084): Transfer(decode_pq, encode_bt1886, decode_bt1886),
}


class HdrShrinker:
    """Resizes HDR frames to SDR squares. Keeps swscale's tables between frames."""

    def __init__(self) -> None:
        self._to_rgb, self._resize = VideoReformatter(), VideoReformatter()

    def shrink(self, frame: VideoFrame, side: int, interpolation: Interpolation) -> np.ndarray:
        """Returns the SDR picture of a frame whose transfer is one of `TRANSFERS`: uint8 `[side, side, 3]`, RGB.

        Raises:
          av.FFmpegError: swscale does not know the frame's matrix (ICtCp, constant luminance).
        """
        transfer = TRANSFERS[frame.color_trc]
        # A frame that names no matrix has the one of BT.2100.
        matrix = Colorspace.BT2020 if frame.colorspace == UNSPECIFIED else None
        rgb = self._to_rgb.reformat(
            frame, format="gbrp16le", src_colorspace=matrix, interpolation=interpolation, threads=1
        )
        # swscale resizes RGB by way of YUV, which costs precision: the three channels pass as if they were Y, U and V.
        signal = VideoFrame(frame.width, frame.height, "yuv444p16le")
        for source, target in zip(rgb.planes, signal.planes, strict=True):
            codes = _samples(source, frame.width)
            np.take(transfer.signals, codes, out=_samples(target, frame.width), mode="clip")
        small = self._resize.reformat(signal, side, side, interpolation=interpolation, threads=1)
        green, blue, red = (transfer.light[_samples(plane, side)] for plane in small.planes)
        channels = [(r * red + g * green + b * blue) // MATRIX_ONE for r, g, b in BT2020_TO_BT709]
        return transfer.pixels[_root_of(np.clip(np.stack(channels, -1), 0, MAX_LIGHT))]


def _samples(plane, width: int) -> np.ndarray:
    """Returns a view of a 16-bit plane without the padding of its lines: uint16 `[height, width]`."""
    return np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, :width]


def _root_of(light: np.ndarray) -> np.ndarray:
    return (np.sqrt(np.sqrt(light.astype(np.float64))) * ROOT_STEPS + 0.5).astype(np.int64)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_to_luminance(signal: np.ndarray) -> np.ndarray:
    """Returns the cd/m2 of a PQ signal. ITU-R BT.2100, table 4."""
    power = np.maximum(signal, 0) ** (1 / _M2)
    return 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def _luminance_to_pq(luminance: np.ndarray) -> np.ndarray:
    """Inverts `_pq_to_luminance`."""
    power = (luminance / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
