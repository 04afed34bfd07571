"""A workdir that somebody else made gives no file of this machine away, and loses none."""

import numpy as np
import pytest

from dogjax.diagnose.gallery import Row, Sheet
from dogjax.diagnose.pictures import read_picture, remove_other_pictures, write_pictures
from dogjax.errors import UserError


class Frames:
    def read(self, frames):
        return np.zeros((len(frames), 2, 2, 3), np.uint8)


@pytest.fixture
def workdir(tmp_path):
    folder = tmp_path / "run"
    write_pictures(folder, [Sheet("a", "b", [Row("c", [7], ["d"])])], Frames())
    (tmp_path / "secret.png").write_bytes(b"secret")
    return folder


def test_a_picture_that_was_written_is_read_and_one_that_was_removed_is_none(workdir):
    assert (read_picture(workdir, "gallery/000007.png") or b"").startswith(b"\x89PNG")
    assert read_picture(workdir, "gallery/000008.png") is None


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "{outside}", "gallery/../../secret.png", "gallery/x.png", "gallery/1.png\n", "config.json"],
)
def test_a_name_that_leads_elsewhere_is_refused(workdir, name):
    name = name.format(outside=workdir.parent / "secret.png")
    with pytest.raises(UserError, match=r"which is not a picture in its gallery/; use only folders that you trust"):
        read_picture(workdir, name)


def test_a_link_out_of_the_workdir_is_refused(workdir, tmp_path):
    (workdir / "gallery/000008.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match=r"'gallery/000008\.png', which is not a picture"):
        read_picture(workdir, "gallery/000008.png")


def test_a_gallery_that_is_a_link_is_neither_written_nor_cleared(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/holiday.png").write_bytes(b"mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/gallery").symlink_to(tmp_path / "pictures")
    for act in (
        lambda: write_pictures(tmp_path / "run", [], Frames()),
        lambda: remove_other_pictures(tmp_path / "run", []),
    ):
        with pytest.raises(UserError, match="is a link to another folder; remove the link"):
            act()
    with pytest.raises(UserError, match="which is not a picture"):
        read_picture(tmp_path / "run", "gallery/1.png")
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["holiday.png"]
