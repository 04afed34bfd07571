"""What is said of single frames: their dynamics, the choice of them, blur and dark, and the level of the loss."""

import numpy as np
import pytest
from scipy.special import softmax

from dogjax.data.frames import MemoryImages
from dogjax.data.splits import Split
from dogjax.diagnose.batch_norm import distances
from dogjax.diagnose.cartography import Dynamics, Tally, training_dynamics
from dogjax.diagnose.gallery import APART_SECONDS, choose_sheets, choose_sheets_of_study
from dogjax.diagnose.probes import probe_background
from dogjax.diagnose.quality import describe_quality
from dogjax.errors import UserError
from dogjax.eval.intervals import Groups
from dogjax.eval.predictions import write_predictions
from tests.data.tables import make_table
from tests.diagnose.test_label_noise import table


def generator():
    return np.random.default_rng(3)


def grouped(frames, size=10):
    index = np.arange(frames) // size
    return Groups("recording", index, np.arange(index.max() + 1) % 2, ())


class TestDynamics:
    def test_they_are_the_mean_and_the_spread_over_epochs(self, tmp_path):
        labels, logits = np.array([0, 1, 2, 1]), generator().normal(size=(5, 4, 3)).astype(np.float32)
        for epoch, each in enumerate(logits, 1):
            write_predictions(tmp_path, epoch, np.array(["a", "b", "c", "d"]), labels, each)
        found = training_dynamics(tmp_path, 5)
        own = softmax(logits.astype(float), axis=2)[:, np.arange(4), labels]
        np.testing.assert_allclose(found.confidence, own.mean(axis=0))
        np.testing.assert_allclose(found.variability, own.std(axis=0))
        np.testing.assert_allclose(found.correctness, (logits.argmax(axis=2) == labels).mean(axis=0))

    def test_epochs_without_predictions_are_left_out_and_stray_files_ignored(self, tmp_path):
        labels, logits = np.array([0, 1]), generator().normal(size=(4, 2, 2)).astype(np.float32)
        for epoch in (2, 4, 5):
            write_predictions(tmp_path, epoch, np.array(["a", "b"]), labels, logits[epoch - 2])
        (tmp_path / "predictions/epoch_x.npz").touch()
        found, own = training_dynamics(tmp_path, 4), softmax(logits.astype(float), axis=2)[[0, 2]][:, [0, 1], labels]
        np.testing.assert_allclose(found.confidence, own.mean(axis=0))
        with pytest.raises(UserError, match="holds no predictions of the 1 epochs"):
            training_dynamics(tmp_path, 1)

    def test_a_frame_counts_the_networks_that_saw_it(self):
        labels, logits = np.array([0, 1, 2, 1]), generator().normal(size=(3, 4, 3))
        seen = [np.array([0, 3]), np.array([3, 1]), np.array([1])]
        tally = Tally(labels, 3)
        for each, frames in zip(logits, seen):
            tally.add(frames, each[frames])
        assert tally.frames.tolist() == [0, 1, 3] and tally.networks.tolist() == [1, 2, 2]
        found, own = tally.dynamics(), softmax(logits, axis=2)[[1, 2], 1, 1]
        assert found.confidence[1] == pytest.approx(own.mean()) and found.variability[1] == pytest.approx(own.std())
        assert found.variability[0] == 0


class TestGallery:
    frames = 60

    def sheets(self, errors=()):
        labels = np.repeat([0, 1], 30)
        everything = table(labels, [f"rec{number // 15}" for number in range(self.frames)])
        validation = np.arange(0, self.frames, 2)
        split = Split(np.arange(1, self.frames, 2), validation, np.zeros(self.frames, np.int64), None, None, 0)
        confidence = generator().uniform(size=len(validation))
        dynamics = Dynamics(confidence, confidence[::-1], (confidence > 0.5) * 1.0, generator().integers(0, 2, 30))
        found = choose_sheets(everything, split, dynamics, list(errors), ["biscuit", "pepper"])
        return everything, validation, confidence, {sheet.title: sheet for sheet in found}

    def test_the_hardest_frame_of_each_dog_stands_first(self):
        everything, validation, confidence, sheets = self.sheets()
        rows = sheets["Hardest frames"].rows
        assert [row.title for row in rows] == ["biscuit", "pepper"]
        for label, row in enumerate(rows):
            own = everything.label[validation] == label
            assert row.frames[0] == validation[own][confidence[own].argmin()]
            assert all(everything.label[frame] == label for frame in row.frames)

    def test_frames_of_a_row_are_no_neighbours(self):
        everything, _, _, sheets = self.sheets()
        for sheet in sheets.values():
            if sheet.title == "Nearest to training":
                continue
            for row in sheet.rows:
                for place, a in enumerate(row.frames):
                    for b in row.frames[:place]:
                        same = everything.recording[a] == everything.recording[b]
                        assert not same or abs(everything.time[a] - everything.time[b]) >= APART_SECONDS

    def test_a_leak_is_shown_beside_the_frame_it_comes_from(self):
        everything, validation, _, sheets = self.sheets()
        rows = sheets["Nearest to training"].rows
        assert len(rows) == 4  # one a recording
        for row in rows:
            frame, twin = row.frames
            assert frame in validation and twin not in validation
            assert everything.recording[frame] == everything.recording[twin]
            assert abs(everything.time[frame] - everything.time[twin]) == 1 and "1 s away" in row.texts[1]

    def test_probable_label_errors_come_first(self):
        error = {"unit": "rec1", "label": "biscuit", "called": "pepper", "frames": [8, 9, 10]}
        *_, sheets = self.sheets([error])
        assert next(iter(sheets)) == "Probable label errors"
        (row,) = sheets["Probable label errors"].rows
        assert row.frames == [8, 9, 10] and row.title == "rec1: labelled biscuit, predicted pepper"

    def test_a_study_sets_the_two_dogs_against_each_other_that_are_confused_most(self):
        everything = make_table([(dog, dog, "", 20) for dog in ("ash", "bea", "cole")])
        frames, flat = np.arange(0, 60, 2), np.full(30, 0.5)
        called = everything.label[frames].copy()
        called[:3], called[20:25] = 1, 1  # ash as bea three times, cole as bea five times
        found = choose_sheets_of_study(everything, frames, Dynamics(flat, flat, flat, called))
        assert found[-1].title == "bea against cole"
        rows = {row.title: row.frames for row in found[-1].rows}
        assert set(rows["cole, mostly predicted bea"]) <= set(frames[20:25])

    def test_a_sheet_without_frames_is_left_out(self):
        assert "Probable label errors" not in self.sheets()[-1]


class TestBackgroundProbe:
    def test_it_has_seen_each_dog_however_unequal_the_recordings_are(self):
        lengths = {"ash": [10, 10, 10], "bea": [100, 100, 60]}
        table = make_table(
            [(dog, f"{dog}/{n}", "", size) for dog, each in lengths.items() for n, size in enumerate(each)]
        )
        rng = generator()
        colours = np.where(table.label[:, None, None, None], 200, 50) + rng.integers(-5, 5, (len(table), 16, 16, 3))
        found = probe_background(table, MemoryImages(colours.astype(np.uint8)))
        assert found["accuracy"] == 1 and found["groups"] == 6
        assert found["chance"] == 1 / 2
        low, high = found["interval"]
        assert 0.5 < low < 0.7 and high == 1  # six recordings, all alike, are no certainty

    def test_a_border_that_is_the_same_everywhere_tells_nothing_of_unequal_dogs(self):
        table = make_table(
            [("ash", f"ash/{n}", "", 10) for n in range(15)] + [("bea", f"bea/{n}", "", 50) for n in range(4)]
        )
        found = probe_background(table, MemoryImages(np.full((len(table), 16, 16, 3), 90, np.uint8)))
        assert found["chance"] == 1 / 2 and found["interval"][0] < 0.5


class TestQuality:
    def test_errors_that_go_with_blur_are_seen_and_others_are_not(self):
        frames = 200
        sharpness, other = generator().uniform(size=frames), generator().normal(size=frames)[::-1]
        wrong = (sharpness < 0.2) * 1.0
        found = describe_quality(-sharpness, wrong, {"sharpness": sharpness, "other": other}, grouped(200), generator())
        assert found["sharpness"]["correlation"] == pytest.approx(-1) and found["sharpness"]["interval"][1] < 0
        assert found["sharpness"]["error_by_fifth"][0] > 0.8 and found["sharpness"]["error_by_fifth"][-1] == 0
        low, high = found["other"]["interval"]
        assert low < 0 < high

    def test_a_quality_that_never_varies_has_no_correlation(self):
        found = describe_quality(np.arange(20.0), np.zeros(20), {"same": np.ones(20)}, grouped(20), generator())
        assert found["same"]["correlation"] is None and found["same"]["interval"] is None


class TestBatchNormDistance:
    def test_it_is_the_largest_over_channels_in_standard_deviations(self):
        running = {"batch_stats": {"norm": {"mean": np.array([1.0, 5.0, 9.0]), "var": np.ones(3)}}}
        precise = {"batch_stats": {"norm": {"mean": np.array([1.5, 1.0, 0.0]), "var": np.array([0.25, 4.0, 0.0])}}}
        assert distances(running, precise) == {"norm": pytest.approx(2.0)}  # a channel that never fires is left out

    def test_a_network_without_it_has_none(self):
        assert distances({"params": {}}, {}) == {}
