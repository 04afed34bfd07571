"""The frames of the gallery as PNG files, so that a page needs the run's folder alone."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from dogjax.data.table import Images
from dogjax.diagnose.gallery import Sheet
from dogjax.files import replacing

FOLDER = "gallery"


def write_pictures(workdir: pathlib.Path, sheets: list[Sheet], images: Images) -> list[dict[str, Any]]:
    """Writes each frame of the sheets once, into `gallery/`; the sheets, ready for JSON, name the files."""
    frames = sorted({frame for sheet in sheets for row in sheet.rows for frame in row.frames})
    if frames:
        for frame, pixels in zip(frames, images.read(np.array(frames))):
            with replacing(workdir / _name(frame)) as temporary:
                Image.fromarray(pixels).save(temporary, format="PNG")
    return [_describe(sheet) for sheet in sheets]


def remove_other_pictures(workdir: pathlib.Path, sheets: list[dict[str, Any]]) -> None:
    """Removes pictures that an earlier diagnosis left and this one does not name."""
    named = {picture for sheet in sheets for row in sheet["rows"] for picture in row["pictures"]}
    for path in (workdir / FOLDER).glob("*.png"):
        if f"{FOLDER}/{path.name}" not in named:
            path.unlink()


def _name(frame: int) -> str:
    return f"{FOLDER}/{frame:06d}.png"


def _describe(sheet: Sheet) -> dict[str, Any]:
    rows = [
        {"title": row.title, "pictures": [_name(frame) for frame in row.frames], "texts": row.texts}
        for row in sheet.rows
    ]
    return dataclasses.asdict(sheet) | {"rows": rows}
