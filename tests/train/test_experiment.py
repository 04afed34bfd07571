"""What an experiment keeps on the devices is what every epoch would draw alike, and nothing else."""

import jax
import numpy as np
import pytest

from dogjax import runtime
from dogjax.devices import Devices
from dogjax.train import experiment as experiment_module
from dogjax.train.experiment import build_experiment


@pytest.mark.parametrize("augmented", [False, True])
def test_validation_is_drawn_anew_only_where_it_is_augmented(setup, augmented):
    experiment = build_experiment(setup.config(augment__validation=augmented))
    variables = experiment.initial_state().evaluated
    first, second = (experiment.validation_logits(epoch, variables)[0] for epoch in (0, 1))
    assert np.array_equal(first, second) == (not augmented)


def test_batches_too_large_to_keep_give_the_same_bits(setup, monkeypatch):
    kept = build_experiment(setup.config())
    variables = kept.initial_state().evaluated
    monkeypatch.setattr(experiment_module, "KEPT_BYTES", 0)
    drawn = build_experiment(setup.config())
    assert np.array_equal(kept.validation_logits(0, variables)[0], drawn.validation_logits(0, variables)[0])
    for mine, other in zip(jax.tree.leaves(kept.precise(variables)), jax.tree.leaves(drawn.precise(variables))):
        assert np.array_equal(mine, other)


@pytest.mark.parametrize(
    ("augment_on", "accelerator", "memory", "kind"),
    [
        ("auto", False, None, "tf.data"),
        ("auto", True, 2**30, "device"),
        ("auto", True, 2**10, "tf.data"),
        ("host", True, 2**30, "tf.data"),
        ("device", False, None, "device"),
    ],
)
def test_batches_are_made_on_an_accelerator_that_has_room_or_where_the_user_says(
    setup, monkeypatch, augment_on, accelerator, memory, kind
):
    monkeypatch.setattr(runtime, "on_accelerator", lambda: accelerator)
    monkeypatch.setattr(Devices, "memory", memory)
    assert build_experiment(setup.config(data__augment_on=augment_on)).pipeline.kind == kind
