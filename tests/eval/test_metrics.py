"""Scores against values worked out by hand, by the formula, or by a slow second implementation."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogjax.eval.metrics import (
    FrameScores,
    brier_score,
    confusion,
    expected_calibration_error,
    group_table,
    label_table,
    majority_votes,
    predicts_one_class,
    score_frames,
    worst_background,
)

DOGS = ("ash", "bea", "cole")
LOG = np.log


def random_scores(seed: int, frames: int = 60, classes: int = 3, spread: float = 2.0) -> FrameScores:
    rng = np.random.default_rng(seed)
    return score_frames(rng.normal(0, spread, (frames, classes)), rng.integers(0, classes, frames))


def scores_voting(predictions: list[int], labels: list[int], confidence: float = 0.9) -> FrameScores:
    """Frames of three dogs, each sure of its prediction to the same degree."""
    logits = np.full((len(labels), 3), LOG((1 - confidence) / 2))
    logits[np.arange(len(labels)), predictions] = LOG(confidence)
    return score_frames(logits, np.array(labels))


class TestLossAndAccuracy:
    def test_loss_and_accuracy_have_the_values_worked_out_by_hand(self):
        probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.2, 0.6, 0.2]])
        scores = score_frames(LOG(probabilities), np.array([0, 1, 0, 2]))
        # The labels get 1/2, 4/5, 1/4, 1/5: their product is 1/50.
        assert scores.loss == pytest.approx(LOG(50) / 4, rel=1e-14)
        assert scores.losses == pytest.approx([LOG(2), LOG(1.25), LOG(4), LOG(5)], rel=1e-14)
        assert scores.accuracy == 0.5
        assert scores.predictions.tolist() == [0, 1, 2, 1]
        assert scores.correct.tolist() == [True, True, False, False]

    def test_a_network_that_knows_nothing_has_the_loss_of_a_guess(self):
        scores = score_frames(np.zeros((6, 3)), np.array([0, 1, 2, 0, 1, 2]))
        assert scores.loss == pytest.approx(LOG(3), rel=1e-15)
        assert scores.predictions.tolist() == [0] * 6  # of equals, the first
        assert scores.accuracy == pytest.approx(1 / 3)

    def test_a_constant_added_to_a_frame_s_logits_changes_nothing(self):
        logits, labels = np.random.default_rng(0).normal(0, 3, (40, 3)), np.arange(40) % 3
        moved = score_frames(logits + np.linspace(-500, 500, 40)[:, None], labels)
        assert moved.losses == pytest.approx(score_frames(logits, labels).losses, rel=1e-9)

    def test_scores_are_in_float64_whatever_the_logits_are(self):
        logits = np.random.default_rng(0).normal(0, 3, (40, 3)).astype(np.float32)
        narrow, wide = (score_frames(each, np.arange(40) % 3) for each in (logits, logits.astype(np.float64)))
        assert narrow.losses.dtype == np.float64
        assert np.array_equal(narrow.losses, wide.losses)

    def test_extreme_logits_have_finite_scores(self):
        largest = float(np.finfo(np.float32).max)
        logits = np.array([[largest, -largest, 0], [-largest, largest, 0], [1e4, 0, -1e4], [1e-45, 0, 0]], np.float32)
        right, wrong = (score_frames(logits, np.array(labels)) for labels in ([0, 1, 0, 0], [1, 0, 2, 1]))
        assert right.losses.tolist() == [0, 0, 0, pytest.approx(LOG(3))]
        assert wrong.losses[:3].tolist() == [2 * largest, 2 * largest, 2e4]
        for scores in (right, wrong):
            for value in (scores.loss, brier_score(scores), expected_calibration_error(scores)):
                assert math.isfinite(value)
        assert brier_score(wrong) == pytest.approx((2 + 2 + 2 + 2 / 3) / 4)

    def test_a_frame_without_loss_has_a_positive_zero(self):
        scores = score_frames(np.array([[1000.0, 0.0]]), np.array([0]))
        assert str(scores.loss) == "0.0"

    @pytest.mark.parametrize(
        ("logits", "labels", "message"),
        [
            (np.zeros((2, 3)), [0], r"logits \(2, 3\) and labels \(1,\)"),
            (np.zeros(3), [0, 1, 2], r"logits \(3,\) and labels \(3,\)"),
            (np.zeros((0, 3)), [], "no frames"),
            (np.zeros((2, 3)), [0, 3], r"labels lie in \[0, 3\], but there are 3 classes"),
            (np.zeros((2, 3)), [-1, 0], r"labels lie in \[-1, 0\]"),
            (np.array([[0, np.nan], [0, 1], [np.inf, 0]]), [0, 0, 0], "logits of 2 of 3 frames are not finite"),
        ],
    )
    def test_what_cannot_be_scored_is_refused_with_the_reason(self, logits, labels, message):
        with pytest.raises(ValueError, match=message):
            score_frames(logits, np.array(labels, np.int64))


class TestOneClass:
    def test_it_is_what_others_are_taken_for_too(self):
        labels = np.repeat([0, 1, 2], 20)
        assert predicts_one_class(np.full(60, 1), labels)
        assert not predicts_one_class(labels, labels)

    def test_a_rare_class_that_is_found_is_no_fault(self):
        labels = np.array([0] * 95 + [1] * 5)
        assert not predicts_one_class(labels, labels)
        assert predicts_one_class(np.zeros(100, int), labels)

    def test_frames_of_one_label_say_nothing(self):
        assert not predicts_one_class(np.zeros(9, int), np.zeros(9, int))


class TestCalibration:
    @staticmethod
    def slow_calibration_error(scores: FrameScores) -> float:
        """Guo et al. 2017, eq. 3, frame by frame and bin by bin."""
        bins = [[] for _ in range(15)]
        for row, label in zip(scores.log_probabilities.tolist(), scores.labels.tolist()):
            confidence = max(math.exp(each) for each in row)
            bins[math.ceil(confidence * 15) - 1].append((confidence, row.index(max(row)) == label))
        error = 0.0
        for members in filter(None, bins):
            confidence = sum(each for each, _ in members) / len(members)
            accuracy = sum(right for _, right in members) / len(members)
            error += len(members) / len(scores.labels) * abs(accuracy - confidence)
        return error

    @settings(max_examples=60, deadline=None)
    @given(seed=st.integers(0, 10**6), frames=st.integers(1, 80), classes=st.integers(2, 5), spread=st.floats(0.1, 9))
    def test_calibration_error_is_that_of_the_slow_implementation(self, seed, frames, classes, spread):
        scores = random_scores(seed, frames, classes, spread)
        assert expected_calibration_error(scores) == pytest.approx(self.slow_calibration_error(scores), abs=1e-12)

    def test_calibration_error_has_the_value_worked_out_by_hand(self):
        # Two frames at .9, one right; two at .7, both right: (2 |.5 - .9| + 2 |1 - .7|) / 4.
        confidence = np.array([0.9, 0.9, 0.7, 0.7])
        scores = score_frames(LOG(np.stack([confidence, 1 - confidence], axis=1)), np.array([0, 1, 0, 0]))
        assert expected_calibration_error(scores) == pytest.approx(0.35)

    def test_a_frame_that_is_wholly_sure_is_in_the_last_bin(self):
        # Sure and wrong, and .95 and right: |1 - 1.95| / 2 in one bin; it would be 1.05 / 2 in two.
        scores = score_frames(np.array([[99.0, 0.0], [LOG(0.95), LOG(0.05)]]), np.array([1, 0]))
        assert expected_calibration_error(scores) == pytest.approx(0.475)

    def test_frames_that_are_right_as_often_as_they_are_sure_have_no_calibration_error(self):
        confidence = np.repeat([0.55, 0.75, 0.8, 0.9, 1 - 1e-12], 20)
        labels = np.concatenate([np.arange(20) >= round(20 * each) for each in confidence[::20]]).astype(int)
        scores = score_frames(LOG(np.stack([confidence, 1 - confidence], axis=1)), labels)
        assert expected_calibration_error(scores) == pytest.approx(0, abs=1e-12)

    def test_labels_drawn_from_the_probabilities_are_calibrated_and_sharper_logits_are_not(self):
        rng = np.random.default_rng(1)
        logits = rng.normal(0, 1.5, (40_000, 3))
        # The largest of logits and Gumbel noise is a draw from their softmax.
        labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        # By chance alone: about sqrt(bins) x .8 x .45 / sqrt(frames) = .007 at most.
        assert expected_calibration_error(score_frames(logits, labels)) < 0.01
        assert expected_calibration_error(score_frames(3 * logits, labels)) > 0.1

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 10**6), frames=st.integers(1, 60), classes=st.integers(2, 5), spread=st.floats(0.1, 9))
    def test_brier_score_is_its_formula(self, seed, frames, classes, spread):
        scores = random_scores(seed, frames, classes, spread)
        truth = np.eye(classes)[scores.labels]
        formula = np.mean(np.sum((truth - np.exp(scores.log_probabilities)) ** 2, axis=1))
        assert brier_score(scores) == pytest.approx(formula, rel=1e-12, abs=1e-15)

    def test_brier_score_runs_from_0_to_2(self):
        sure = np.array([[99.0, 0.0], [99.0, 0.0]])
        assert brier_score(score_frames(sure, np.array([0, 0]))) == pytest.approx(0)
        assert brier_score(score_frames(sure, np.array([1, 1]))) == pytest.approx(2)
        assert brier_score(score_frames(sure, np.array([0, 1]))) == pytest.approx(1)
        assert brier_score(score_frames(np.zeros((2, 2)), np.array([0, 1]))) == pytest.approx(0.5)


class TestGroups:
    @settings(max_examples=100, deadline=None)
    @given(frames=st.integers(1, 400), groups=st.integers(1, 9), seed=st.integers(0, 10**6))
    def test_tables_add_up_to_the_whole(self, frames, groups, seed):
        scores = random_scores(seed, frames)
        names = np.array([f"room {i}" for i in range(groups)])[np.random.default_rng(seed).integers(0, groups, frames)]
        for table in (group_table(scores, names), label_table(scores, DOGS)):
            rows = table.values()
            right = [round(row["accuracy"] * row["frames"]) for row in rows]
            assert sum(row["frames"] for row in rows) == frames
            assert sum(right) / frames == scores.accuracy
            assert [each / row["frames"] for each, row in zip(right, rows)] == [row["accuracy"] for row in rows]
            # Losses are not whole numbers, so their sums round.
            assert sum(row["loss"] * row["frames"] for row in rows) == pytest.approx(scores.loss * frames, rel=1e-12)

    def test_a_row_holds_the_group_s_frames_loss_and_accuracy(self):
        scores = scores_voting([0, 1, 0, 2], [0, 0, 0, 0], confidence=0.8)
        table = group_table(scores, np.array(["yard", "yard", "hall", "yard"]))
        assert list(table) == ["hall", "yard"]  # in alphabetical order
        assert table["hall"] == {"frames": 1, "loss": pytest.approx(LOG(1 / 0.8)), "accuracy": 1.0}
        # One at .8, two at .1.
        assert table["yard"] == {"frames": 3, "loss": pytest.approx(LOG(1 / 0.8 / 0.01) / 3), "accuracy": 1 / 3}

    def test_frames_of_an_unknown_group_are_in_no_row(self):
        scores = random_scores(0, 4)
        table = group_table(scores, np.array(["", "yard", "", "yard"]))
        assert list(table) == ["yard"]
        assert table["yard"]["loss"] == pytest.approx((scores.losses[1] + scores.losses[3]) / 2)
        assert group_table(scores, np.full(4, "")) == {}

    def test_labels_are_named_and_a_label_without_frames_has_no_row(self):
        table = label_table(scores_voting([0, 0, 2], [2, 0, 2]), DOGS)
        assert {name: (row["frames"], row["accuracy"]) for name, row in table.items()} == {
            "ash": (1, 1.0),
            "cole": (2, 0.5),
        }

    def test_the_worst_background_has_the_lowest_accuracy(self):
        scores = scores_voting([0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0])
        table = group_table(scores, np.array(["a", "a", "b", "b", "c", "c"]))
        assert worst_background(table) == {"background": "b", "accuracy": 0.0}

    def test_of_equally_bad_backgrounds_the_worst_has_the_highest_loss_then_the_first_name(self):
        def row(accuracy, loss):
            return {"frames": 9, "accuracy": accuracy, "loss": loss}

        tied = {"attic": row(0.5, 1.0), "hall": row(0.5, 3.0), "yard": row(0.5, 3.0), "zoo": row(0.6, 9.0)}
        assert worst_background(tied) == {"background": "hall", "accuracy": 0.5}

    def test_without_backgrounds_none_is_the_worst(self):
        assert worst_background({}) is None


class TestConfusion:
    def test_rows_are_labels_and_columns_what_they_were_taken_for(self):
        scores = scores_voting([1, 1, 0, 2, 0], [0, 0, 0, 2, 2])
        assert confusion(scores, DOGS) == {
            "labels": ["ash", "bea", "cole"],
            "counts": [[1, 2, 0], [0, 0, 0], [1, 0, 1]],
        }

    def test_counts_agree_with_frames_and_accuracy(self):
        scores = random_scores(5, 200)
        counts = np.array(confusion(scores, DOGS)["counts"])
        assert counts.sum(axis=1).tolist() == [row["frames"] for row in label_table(scores, DOGS).values()]
        assert np.trace(counts) / 200 == scores.accuracy


class TestVotes:
    def test_a_recording_s_vote_is_its_most_frequent_prediction(self):
        scores = scores_voting([0, 0, 1, 1, 1, 0, 2], [0, 0, 0, 1, 1, 1, 1])
        votes = majority_votes(scores, np.array(["p"] * 3 + ["q"] * 4), DOGS)
        assert votes == {
            "accuracy": 1.0,
            "recordings": {
                "p": {"label": "ash", "vote": "ash", "share": 2 / 3, "correct": True},
                "q": {"label": "bea", "vote": "bea", "share": 0.5, "correct": True},
            },
        }

    def test_wrong_votes_count_against_accuracy_once_a_recording(self):
        scores = scores_voting([0] * 9 + [1], [0] * 9 + [0])
        votes = majority_votes(scores, np.array(["long"] * 9 + ["short"]), DOGS)
        assert votes["accuracy"] == 0.5
        assert not votes["recordings"]["short"]["correct"]

    def test_of_equally_frequent_predictions_the_surer_wins(self):
        logits = LOG(np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.05, 0.9, 0.05]]))
        votes = majority_votes(score_frames(logits, np.ones(4, int)), np.full(4, "p"), DOGS)
        assert votes["recordings"]["p"] == {"label": "bea", "vote": "bea", "share": 0.5, "correct": True}

    def test_a_class_that_no_frame_predicts_cannot_win_a_tie(self):
        # The third is second in every frame, so its summed log-probability is the highest.
        logits = LOG(np.array([[0.51, 0.01, 0.48], [0.01, 0.51, 0.48]]))
        votes = majority_votes(score_frames(logits, np.zeros(2, int)), np.full(2, "p"), DOGS)
        assert votes["recordings"]["p"]["vote"] == "ash"

    @settings(max_examples=100, deadline=None)
    @given(logits=st.permutations([2.0, 0.7, -0.1]), seed=st.integers(0, 99))
    def test_a_perfect_tie_goes_to_the_first_whatever_the_order_of_the_frames(self, logits, seed):
        """Every class gets each of three logits once: equal in count and in probability."""
        cycle = np.array([np.roll(logits, shift) for shift in range(3)] * 3)
        order = np.random.default_rng(seed).permutation(9)
        votes = majority_votes(score_frames(cycle[order], np.zeros(9, int)), np.full(9, "p"), DOGS)
        assert votes["recordings"]["p"]["vote"] == "ash"

    def test_in_a_recording_with_two_labels_the_frames_of_each_vote_apart(self):
        scores = scores_voting([0, 0, 0, 0, 1, 2], [0, 0, 0, 1, 1, 2])
        votes = majority_votes(scores, np.array(["walk"] * 5 + ["nap"]), DOGS)
        assert list(votes["recordings"]) == ["nap", "walk [ash]", "walk [bea]"]
        assert votes["recordings"]["walk [ash]"]["share"] == 1.0
        assert votes["recordings"]["walk [bea]"] == {"label": "bea", "vote": "ash", "share": 0.5, "correct": False}
        assert votes["accuracy"] == pytest.approx(2 / 3)

    def test_frames_of_an_unknown_recording_do_not_vote(self):
        scores = scores_voting([1, 1, 1, 0], [0, 0, 0, 0])
        votes = majority_votes(scores, np.array(["", "", "", "p"]), DOGS)
        assert votes["accuracy"] == 1.0
        assert list(votes["recordings"]) == ["p"]
        assert majority_votes(scores, np.full(4, ""), DOGS) == {"accuracy": None, "recordings": {}}


@settings(max_examples=60, deadline=None)
@given(frames=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_the_order_of_frames_does_not_matter(frames, seed):
    rng = np.random.default_rng(seed)
    # Whole-number logits: ties are common.
    logits, labels = rng.integers(-2, 3, (frames, 3)), rng.integers(0, 3, frames)
    recordings = np.array(["", "p", "q", "r"])[rng.integers(0, 4, frames)]
    order = rng.permutation(frames)
    ours, theirs = score_frames(logits, labels), score_frames(logits[order], labels[order])
    assert theirs.accuracy == ours.accuracy
    assert theirs.loss == pytest.approx(ours.loss, rel=1e-12)
    assert brier_score(theirs) == pytest.approx(brier_score(ours), rel=1e-12)
    assert expected_calibration_error(theirs) == pytest.approx(expected_calibration_error(ours), abs=1e-12)
    assert confusion(theirs, DOGS) == confusion(ours, DOGS)
    assert majority_votes(theirs, recordings[order], DOGS) == majority_votes(ours, recordings, DOGS)
    mine, other = group_table(ours, recordings), group_table(theirs, recordings[order])
    assert list(mine) == list(other)
    for name, row in mine.items():
        assert other[name] == pytest.approx(row, rel=1e-12)


def test_scores_hold_one_value_a_frame():
    for field in dataclasses.fields(FrameScores):
        assert len(getattr(random_scores(0, 17), field.name)) == 17
