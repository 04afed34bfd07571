"""What a recording is taken for does not depend on its own label."""

import dataclasses

import jax
import numpy as np
import pytest

from dogjax.config import replace_fields
from dogjax.diagnose.out_of_fold import label_units, predict_out_of_fold
from dogjax.diagnose.probes import probe_without_middle
from dogjax.eval.intervals import Groups
from dogjax.train.experiment import build_experiment
from tests.data.tables import make_table


@pytest.fixture(scope="module")
def experiment(setup):
    return build_experiment(setup.config())


def test_every_frame_of_training_and_validation_is_judged(experiment):
    found = predict_out_of_fold(experiment, experiment.initial_state().variables)
    assert found.frames.tolist() == list(range(len(experiment.table))) and found.note is None
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-6)  # of float32


def test_the_classifier_of_a_recording_has_not_seen_its_label(experiment):
    network, table = experiment.initial_state().variables, experiment.table
    before = predict_out_of_fold(experiment, network)
    inside = label_units(table) == 0
    label = np.where(inside, (table.label + 1) % 3, table.label).astype(np.int32)
    relabelled = dataclasses.replace(experiment, table=dataclasses.replace(table, label=label))
    after = predict_out_of_fold(relabelled, network)
    np.testing.assert_array_equal(before.probabilities[inside], after.probabilities[inside])
    assert not np.allclose(before.probabilities[~inside], after.probabilities[~inside])


def test_features_are_seen_through_the_network_s_own_activation(experiment, setup):
    network = experiment.initial_state().variables
    bent = build_experiment(replace_fields(setup.config(), {"model.activation": "identity"}))
    ours, theirs = (predict_out_of_fold(each, network).probabilities for each in (experiment, bent))
    assert ours is not None and theirs is not None and not np.allclose(ours, theirs)


def test_a_dog_with_two_recordings_cannot_be_judged(experiment):
    keep = np.flatnonzero((experiment.table.label > 0) | np.isin(label_units(experiment.table), (0, 1)))
    few = dataclasses.replace(experiment, table=experiment.table.take(keep))
    found = predict_out_of_fold(few, experiment.initial_state().variables)
    assert found.probabilities is None and "fewer than 3 recordings" in found.note


def test_a_recording_of_two_dogs_is_two_units_and_a_frame_of_no_recording_one():
    shared = make_table([("a", "rec", "", 2), ("b", "rec", "", 2), ("b", "other", "", 1)])
    assert len(np.unique(label_units(shared))) == 3
    assert label_units(make_table([("a", "", "", 3)])).tolist() == [0, 1, 2]


def test_a_network_whose_numbers_overflow_cannot_judge_and_is_not_judged_without_the_middle(experiment):
    network = experiment.initial_state().variables
    wild = network | {"params": jax.tree.map(lambda leaf: leaf * np.float32(np.inf), network["params"])}
    found = predict_out_of_fold(experiment, wild)
    assert found.probabilities is None and "not finite" in found.note
    groups = Groups("frame", np.arange(len(experiment.validation)), experiment.validation.label, ())
    hidden = probe_without_middle(experiment, wild, groups, np.random.default_rng(0))
    assert hidden["accuracy"] is None and hidden["interval"] is None and hidden["chance"] > 0
