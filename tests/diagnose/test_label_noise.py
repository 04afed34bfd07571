"""A wrong label is found where the network is right elsewhere, and nowhere else."""

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.special import softmax

from dogjax.diagnose.label_noise import find_label_errors
from dogjax.diagnose.out_of_fold import OutOfFold, label_units
from tests.data.tables import make_table

RECORDINGS, FRAMES = 9, 10


def table(labels, recordings):
    """A frame a second of three dogs, with the given labels and recordings."""
    frames = make_table([("biscuit", "", "", len(labels))])
    names = ("biscuit", "pepper", "toffee")
    return dataclasses.replace(
        frames, label=np.array(labels, np.int32), recording=np.array(recordings), label_names=names
    )


def errors_of(frames, probabilities):
    return find_label_errors(frames, OutOfFold(np.arange(len(frames)), label_units(frames), probabilities, None))


def probabilities(called, sure):
    return np.where(np.eye(3)[called] > 0, sure, (1 - sure) / 2)


@pytest.fixture
def truth():
    return np.repeat(np.arange(RECORDINGS) % 3, FRAMES)


@pytest.fixture
def recordings():
    return [f"rec{number}" for number in np.repeat(np.arange(RECORDINGS), FRAMES)]


def test_a_recording_in_the_wrong_folder_is_found(truth, recordings):
    labels = truth.copy()
    labels[:FRAMES] = 1  # rec0 shows biscuit
    found = errors_of(table(labels, recordings), probabilities(truth, 0.94))
    (error,) = found["errors"]
    assert (error["unit"], error["label"], error["called"]) == ("rec0", "pepper", "biscuit")
    assert error["frames"] == list(range(FRAMES)) and error["probability"] == pytest.approx(0.94)
    assert (found["unit"], found["share"], found["right"]) == ("recording", pytest.approx(1 / 9), pytest.approx(8 / 9))


def test_a_recording_that_is_called_wrong_without_confidence_is_not(truth, recordings):
    labels, sure = truth.copy(), np.full(len(truth), 0.94)
    labels[:FRAMES], sure[:FRAMES] = 1, 0.7
    found = errors_of(table(labels, recordings), np.stack([probabilities(c, s) for c, s in zip(truth, sure)]))
    assert found["errors"] == []


def test_a_network_that_errs_elsewhere_accuses_no_label(truth, recordings):
    labels, called, sure = truth.copy(), truth.copy(), np.full(len(truth), 0.94)
    labels[:FRAMES] = 1
    called[FRAMES : 6 * FRAMES], sure[FRAMES : 6 * FRAMES] = 0, 0.6  # three recordings of eight are called wrong
    found = errors_of(table(labels, recordings), np.stack([probabilities(c, s) for c, s in zip(called, sure)]))
    assert found["errors"] == [] and "too few to call a label wrong" in found["note"]


def test_single_frames_are_judged_where_no_recording_is_named(truth):
    labels = truth.copy()
    labels[[3, 50]] = (labels[[3, 50]] + 1) % 3
    found = errors_of(table(labels, [""] * len(truth)), probabilities(truth, 0.94))
    assert sorted(error["unit"] for error in found["errors"]) == ["@000003.000", "@000050.000"]


def test_right_labels_are_not_accused(truth, recordings):
    assert errors_of(table(truth, recordings), probabilities(truth, 0.94))["errors"] == []


def logits_of(labels, right, rng):
    """Normal log-odds between the first two classes, right for a share of their recordings; the third is clear."""
    centre = 4.0
    deviation = centre / NormalDist().inv_cdf(right)
    alike = labels < 2
    first = np.where(alike, rng.normal(centre, deviation, len(labels)) * np.where(labels == 0, 0.5, -0.5), -6.0)
    return np.stack([first, np.where(alike, -first, -6.0), np.where(alike, -6.0, 6.0)], axis=1)


@pytest.mark.parametrize("right", [0.83, 0.9, 0.97])
def test_between_look_alikes_a_classifier_that_errs_accuses_one_data_set_in_twenty(right):
    rng, accused, runs = np.random.default_rng(5), 0, 300
    labels = np.repeat(np.arange(3), 12)
    frames = table(labels, [f"rec{number}" for number in range(36)])
    for _ in range(runs):
        accused += bool(errors_of(frames, softmax(logits_of(labels, right, rng), axis=1))["errors"])
    assert accused / runs < 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_a_wrong_label_between_classes_that_are_told_apart_is_found():
    rng, found, runs = np.random.default_rng(6), 0, 100
    truth = np.repeat(np.arange(3), 12)
    labels = truth.copy()
    labels[0] = 1
    frames = table(labels, [f"rec{number}" for number in range(36)])
    for _ in range(runs):
        errors = errors_of(frames, softmax(logits_of(truth, 0.999, rng), axis=1))["errors"]
        found += [each["unit"] for each in errors] == ["rec0"]
    assert found > 0.8 * runs
