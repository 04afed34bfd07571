"""The study that would show whether the changes help, and its flags."""

import shlex

import pytest

from dogjax.config import Config, replace_fields
from dogjax.diagnose.overrides import as_flags
from dogjax.diagnose.trial import trial_fields


def cause(name, explains, fix):
    return {"name": name, "explains": explains, "fix": fix}


JUMPS = (cause("last_iterate", "jumps", {"optim.ema_decay": 0.99}), cause("tail_batch", "jumps", {"train.epochs": 3}))


def test_all_changes_of_the_jumps_are_one_arm_and_the_fold_is_another():
    level = (cause("label_noise", "level", {}), cause("input_scale", "level", {"data.scale": "standardise"}))
    config = replace_fields(Config(), {"split.folds": 4, "split.fold": 3, "seed": 7})
    assert trial_fields(config, [*JUMPS, *level]) == {
        "seeds.split": 7,
        "split.fold": 0,
        "study.kind": "arms",
        "study.replicates": 6,
        "study.arms": (("diagnosed", (("optim.ema_decay", 0.99), ("train.epochs", 3))),),
    }


def test_both_arms_are_scored_in_the_split_that_does_not_leak():
    leaky = cause("leaky_split", "level", {"split.strategy": "background"})
    found = trial_fields(replace_fields(Config(), {"seeds.split": 3}), [*JUMPS, leaky]) or {}
    assert (found["split.strategy"], found["seeds.split"]) == ("background", 3)


@pytest.mark.parametrize("causes", [(), (cause("leaky_split", "level", {"split.strategy": "background"}),)])
def test_without_a_change_for_the_jumps_there_is_nothing_to_try(causes):
    assert trial_fields(Config(), causes) is None


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (False, "--config.a=false"),
        (None, "--config.a=None"),
        (["b", "c d"], "--config.a=('b', 'c d')"),
        (("it's $5",), '--config.a=("it\'s $5",)'),
    ],
)
def test_a_shell_gives_the_flags_as_they_were_meant(value, flag):
    assert shlex.split(as_flags({"a": value})) == [flag]


def test_labels_are_quoted_as_one_would_by_hand():
    assert as_flags({"a": ["b", "c"]}) == "\"--config.a=('b', 'c')\""
