"""Files are whole after a power cut, and as private as the user's umask asks."""

import errno
import os
import stat

import pytest

from dogjax.errors import Diverged, UserError, mistake_of
from dogjax.files import read_json_lines, replacing, replacing_folder, write_text


@pytest.fixture
def flushed(monkeypatch):
    """The names of what was flushed to the disk, in order."""
    names, fsync = [], os.fsync

    def watched(descriptor):
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return names


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_and_its_folder_are_flushed(tmp_path, flushed):
    write_text(tmp_path / "x.json", "{}")
    assert flushed[0].startswith(".x.json.") and flushed[1:] == [tmp_path.name]


def test_every_file_of_a_folder_is_flushed_before_it_appears(tmp_path, flushed):
    with replacing_folder(tmp_path / "data") as folder:
        (folder / "deep").mkdir()
        (folder / "deep/a").touch()
        (folder / "b").touch()
        made = folder.name
    assert sorted(flushed) == sorted(["a", "b", "deep", made, tmp_path.name])
    assert flushed[-1] == tmp_path.name


def test_the_umask_decides_who_may_read(tmp_path, umask):
    with replacing(tmp_path / "file") as path:
        path.write_text("x")
    with replacing_folder(tmp_path / "folder"):
        pass
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder")]
    assert modes == [0o666 & ~umask, 0o777 & ~umask]


def test_lines_of_json_end_at_line_feeds_alone(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": "\u2028\u0085"}\n{"a": 2}\n', encoding="utf-8")
    assert read_json_lines(tmp_path / "x.jsonl") == [{"a": "\u2028\u0085"}, {"a": 2}]
    assert read_json_lines(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("data.path: no such folder"), "data.path: no such folder"),
        (Diverged("the training loss is nan"), "the training loss is nan"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "the disk is full at /x/y; make room"),
        (ValueError("INTERNAL: write failed: No space left on device"), "the disk is full (INTERNAL"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), "use a smaller train.batch_size"),
        (RuntimeError("Unable to initialize backend 'tpu': not found"), "unset JAX_PLATFORMS"),
    ],
)
def test_what_a_user_can_mend_is_worded(error, words):
    assert words in mistake_of(error)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError(errno.EIO, "Input/output error")])
def test_a_defect_keeps_its_traceback(error):
    assert mistake_of(error) is None
