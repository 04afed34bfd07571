"""Predictions on disk: whole or not at all, the same bytes for the same content."""

import hashlib
import zipfile

import numpy as np
import pytest

from dogjax.errors import UserError
from dogjax.eval.predictions import epochs_with_predictions, read_predictions, write_predictions

IDS = np.array(["ash/garden/1@000001.000", "ash/garden/1@000002.000", "bea/küche/2@000001.000"])
LABELS = np.array([0, 0, 1])
LOGITS = np.random.default_rng(3).normal(0, 4, (3, 2)).astype(np.float32)


def written(folder, *content):
    write_predictions(folder, 1, *content)
    return (folder / "predictions" / "epoch_0001.npz").read_bytes()


def test_what_is_read_is_what_was_written(tmp_path):
    write_predictions(tmp_path, 12, IDS, LABELS, LOGITS)
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == ["epoch_0012.npz"]
    read = read_predictions(tmp_path, 12)
    assert read.frame_id.tolist() == IDS.tolist()
    assert (read.label.dtype, read.label.tolist()) == (np.int32, [0, 0, 1])
    assert read.logits.dtype == np.float32
    assert np.array_equal(read.logits, LOGITS)


def test_logits_keep_every_bit(tmp_path):
    extremes = np.array([[np.finfo(np.float32).max, -np.finfo(np.float32).max], [1e-45, -0.0], [np.inf, np.nan]])
    write_predictions(tmp_path, 1, IDS, LABELS, extremes)
    assert read_predictions(tmp_path, 1).logits.tobytes() == extremes.astype(np.float32).tobytes()


def test_epochs_have_files_of_their_own(tmp_path):
    for epoch in (1, 2, 10_000):
        write_predictions(tmp_path, epoch, IDS, LABELS, LOGITS + epoch)
    for epoch in (1, 2, 10_000):
        assert np.array_equal(read_predictions(tmp_path, epoch).logits, LOGITS + epoch)


def test_equal_content_makes_byte_identical_files(tmp_path):
    reference = written(tmp_path / "a", IDS, LABELS, LOGITS)
    assert written(tmp_path / "b", IDS.copy(), LABELS.copy(), LOGITS.copy()) == reference
    assert written(tmp_path / "a", IDS, LABELS, LOGITS) == reference  # written over


@pytest.mark.parametrize(
    "content",
    [
        (IDS.astype("<U90"), LABELS, LOGITS),
        (IDS.astype(object), LABELS, LOGITS),
        (IDS, LABELS.astype(np.int8), LOGITS.astype(np.float64)),
        (IDS, LABELS, np.asfortranarray(LOGITS)),
        (np.repeat(IDS, 2)[::2], np.repeat(LABELS, 2)[::2], np.repeat(LOGITS, 2, axis=1)[:, ::2]),
    ],
    ids=["wider text", "objects", "other numbers", "column order", "strides"],
)
def test_equal_content_held_otherwise_in_memory_makes_byte_identical_files(content, tmp_path):
    reference = hashlib.sha256(written(tmp_path / "a", IDS, LABELS, LOGITS)).hexdigest()
    assert hashlib.sha256(written(tmp_path / "b", *content)).hexdigest() == reference


def test_the_file_holds_no_time_of_writing(tmp_path):
    written(tmp_path, IDS, LABELS, LOGITS)
    with zipfile.ZipFile(tmp_path / "predictions" / "epoch_0001.npz") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_other_content_makes_another_file(tmp_path):
    reference = written(tmp_path / "a", IDS, LABELS, LOGITS)
    one_bit = LOGITS.copy()
    one_bit[2, 1] = np.nextafter(one_bit[2, 1], np.float32(np.inf))
    assert written(tmp_path / "b", IDS, LABELS, one_bit) != reference


@pytest.mark.parametrize("earlier", [False, True], ids=["no earlier file", "an earlier file"])
def test_a_write_that_fails_midway_leaves_nothing_behind_and_the_earlier_file_as_it_was(earlier, tmp_path, monkeypatch):
    before = {"epoch_0001.npz": written(tmp_path, IDS, LABELS, LOGITS)} if earlier else {}

    def fill_the_disk(file, **arrays):
        file.write(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez_compressed", fill_the_disk)
    with pytest.raises(OSError, match="no space left"):
        write_predictions(tmp_path, 1, IDS, LABELS, LOGITS + 1)
    assert {path.name: path.read_bytes() for path in (tmp_path / "predictions").iterdir()} == before


@pytest.mark.parametrize(
    "content",
    [(IDS[:2], LABELS, LOGITS), (IDS, LABELS[:2], LOGITS), (IDS, LABELS, LOGITS[:2])],
    ids=["frame ids", "labels", "logits"],
)
def test_arrays_of_different_lengths_are_refused_and_nothing_is_written(content, tmp_path):
    lengths = ", ".join(f"{len(each)} {name}" for each, name in zip(content, ("frame ids", "labels")))
    with pytest.raises(ValueError, match=f"{lengths} and {len(content[2])} logits"):
        write_predictions(tmp_path, 1, *content)
    assert not list(tmp_path.iterdir())


def test_an_epoch_without_a_file_is_not_found(tmp_path):
    write_predictions(tmp_path, 1, IDS, LABELS, LOGITS)
    with pytest.raises(FileNotFoundError, match=r"epoch_0002\.npz"):
        read_predictions(tmp_path, 2)


@pytest.mark.parametrize("kept", [0, 10, -5], ids=["empty", "the head", "all but the end"])
def test_a_damaged_file_is_a_mistake_that_names_it(kept, tmp_path):
    content = written(tmp_path, IDS, LABELS, LOGITS)
    (tmp_path / "predictions/epoch_0001.npz").write_bytes(content[:kept])
    with pytest.raises(UserError, match=r"epoch_0001\.npz: is damaged .*; remove this file"):
        read_predictions(tmp_path, 1)


@pytest.mark.parametrize("arrays", [{"logits": LOGITS}, {"frame_id": IDS, "label": LABELS[:2], "logits": LOGITS}])
def test_a_file_of_other_content_is_a_mistake_that_names_it(arrays, tmp_path):
    (tmp_path / "predictions").mkdir()
    np.savez(tmp_path / "predictions/epoch_0001.npz", **arrays)
    with pytest.raises(UserError, match=r"epoch_0001\.npz: is damaged"):
        read_predictions(tmp_path, 1)


def test_a_stray_file_is_not_an_epoch(tmp_path):
    for epoch in (2, 1, 10000):
        write_predictions(tmp_path, epoch, IDS, LABELS, LOGITS)
    for name in ("epoch_x.npz", "epoch_1.npz", "epoch_0003.npz.bak", "epoch_0004 (1).npz"):
        (tmp_path / "predictions" / name).touch()
    assert epochs_with_predictions(tmp_path) == [1, 2, 10000]
    assert epochs_with_predictions(tmp_path / "nowhere") == []
