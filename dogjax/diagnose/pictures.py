"""Writes the frames of the gallery as PNG files, and reads them back, so that a page needs the run's folder alone."""

import dataclasses
import pathlib
import re
from typing import Any

import numpy as np
from PIL import Image

from dogjax.data.table import Images
from dogjax.diagnose.gallery import Sheet
from dogjax.errors import UserError
from dogjax.files import replacing

FOLDER = "gallery"
PICTURE = re.compile(rf"{FOLDER}/[0-9]+\.png")


def write_pictures(workdir: pathlib.Path, sheets: list[Sheet], images: Images) -> list[dict[str, Any]]:
    """Writes each frame of the sheets once, into `gallery/`, and returns the sheets, ready for JSON, with its files.

    Raises:
      UserError: `gallery` leads out of the workdir.
    """
    _check_folder(workdir)
    frames = sorted({frame for sheet in sheets for row in sheet.rows for frame in row.frames})
    if frames:
        for frame, pixels in zip(frames, images.read(np.array(frames))):
            with replacing(workdir / _name(frame)) as temporary:
                Image.fromarray(pixels).save(temporary, format="PNG")
    return [_describe(sheet) for sheet in sheets]


def remove_other_pictures(workdir: pathlib.Path, sheets: list[dict[str, Any]]) -> None:
    """Removes pictures that an earlier diagnosis left and this one does not name.

    Raises:
      UserError: `gallery` leads out of the workdir.
    """
    _check_folder(workdir)
    named = {picture for sheet in sheets for row in sheet["rows"] for picture in row["pictures"]}
    for path in (workdir / FOLDER).glob("*.png"):
        if f"{FOLDER}/{path.name}" not in named:
            path.unlink()


def read_picture(workdir: pathlib.Path, name: str) -> bytes | None:
    """Reads a picture of the gallery; None if it is not there any more.

    The workdir may come from somebody else: a name or a link that leads elsewhere would put any file of this machine
    into a page that is then shared.

    Raises:
      UserError: the name is not `gallery/NUMBER.png`, or leads out of the workdir.
    """
    path = workdir / name
    if not PICTURE.fullmatch(name) or not path.resolve().is_relative_to(workdir.resolve()):
        raise UserError(
            f"--workdir={workdir}: names the picture '{name}', which is not a picture in its {FOLDER}/; use only "
            "folders that you trust, and write the pictures anew with --mode=diagnose"
        )
    return path.read_bytes() if path.is_file() else None


def _check_folder(workdir: pathlib.Path) -> None:
    """Refuses a gallery that is a link to another folder, whose pictures would be overwritten or removed."""
    if (workdir / FOLDER).resolve() != workdir.resolve() / FOLDER:
        raise UserError(f"{workdir / FOLDER}: is a link to another folder; remove the link, and start again")


def _name(frame: int) -> str:
    return f"{FOLDER}/{frame:06d}.png"


def _describe(sheet: Sheet) -> dict[str, Any]:
    rows = [
        {"title": row.title, "pictures": [_name(frame) for frame in row.frames], "texts": row.texts}
        for row in sheet.rows
    ]
    return dataclasses.asdict(sheet) | {"rows": rows}
