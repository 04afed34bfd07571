"""A cause is listed with its evidence, or not at all."""

import dataclasses

import numpy as np
import pytest

from dogjax.config import Config, replace_fields
from dogjax.diagnose.cartography import Dynamics
from dogjax.diagnose.causes import rank_causes
from dogjax.diagnose.findings import Findings


def findings(
    symptom=None,
    shares=None,
    drops=None,
    frames=None,
    audit=None,
    background=None,
    train_frames=1350,
    others=None,
    **fields,
):
    """A calm, honest run of nothing suspicious, but for what is given."""
    others = others or {}
    chance = {"accuracy": 0.34, "chance": 1 / 3, "interval": [0.25, 0.43], "groups": 36, "note": None}
    return Findings(
        config=replace_fields(Config(), {"train.drop_remainder": True, "data.scale": "standardise"} | fields),
        symptom={"volatility": 0.5, "lowest_loss": 0.1, "highest_loss": 2.0} | (symptom or {}),
        shares=shares,
        frames={"worst_twentieth": 0.5, "errors": 0.3, "pair": ["a", "b"], "pair_share": 0.4, "pairs": 3}
        | (frames or {}),
        drops=drops or {},
        audit={"nearest_training_frame": {"share_within_2_seconds": 0.0}, "shared_backgrounds": []}
        | {"single_class_backgrounds": []}
        | (audit or {}),
        honest_split=others.get("honest_split"),
        splits_by_background=others.get("splits_by_background", True),
        background=background or chance,
        without_middle={"accuracy": 0.35, "interval": [0.3, 0.4], "chance": 1 / 3},
        label_errors=others.get("label_errors", {"share": 0.0}),
        quality={},
        dynamics=Dynamics(*[np.zeros(0)] * 4),
        step=others.get("step", {"best_multiple": None}),
        input_scale=others.get("input_scale", {"mean": 0.0, "sd": 1.0}),
        evaluation=others.get("evaluation"),
        train_frames=train_frames,
        temperature=others.get("temperature", 2.0),
        unit="recording",
        no_intervals=others.get("no_intervals"),
    )


def shares(**switches):
    return {name: {"share": (low + high) / 2, "interval": [low, high]} for name, (low, high) in switches.items()}


def names(found):
    return [cause.name for cause in rank_causes(found)]


def test_nothing_is_accused_where_nothing_is_found():
    assert names(findings()) == []
    assert names(findings(shares=shares(batch_norm_statistics=(-0.2, 0.3), last_iterate=(0.01, 0.4)))) == []


def test_causes_of_the_jumps_stand_in_the_order_of_their_shares():
    table = shares(batch_norm_statistics=(0.1, 0.2), last_iterate=(0.3, 0.5), unexplained=(0.2, 0.4))
    assert names(findings(shares=table)) == ["last_iterate", "batch_norm_statistics"]


def test_a_calm_curve_has_no_cause():
    assert names(findings({"volatility": 0.09}, shares(batch_norm_statistics=(0.5, 0.9)))) == []


def test_a_curve_that_moves_by_more_than_a_tenth_of_itself_is_not_calm():
    assert names(findings({"volatility": 0.11}, shares(batch_norm_statistics=(0.5, 0.9)))) == ["batch_norm_statistics"]


def test_averaged_steps_are_the_learning_rate_where_they_are_long():
    averaged = shares(last_iterate=(0.3, 0.5))
    (cause,) = rank_causes(findings(shares=averaged, others={"step": step(1.5)}))
    assert (cause.name, cause.share, cause.fix) == ("learning_rate", 0.4, {"optim.learning_rate": 0.0004})
    for best in (2.0, 4.0, None):
        (cause,) = rank_causes(findings(shares=averaged, others={"step": step(best)}))
        assert (cause.name, cause.fix) == ("last_iterate", {"optim.ema_decay": 0.99})


def step(best):
    return {"best_multiple": best, "losses": {"4.0": 1.1}, "note": None}


def test_a_curve_that_stays_within_a_tenth_of_a_nat_is_calm():
    table = shares(last_iterate=(0.3, 0.5))
    assert names(findings({"lowest_loss": 0.05, "highest_loss": 0.14}, table)) == []
    assert names(findings({"lowest_loss": 0.05, "highest_loss": 0.16}, table)) == ["last_iterate"]


def test_predictions_that_are_not_too_sure_are_no_overconfidence():
    table = shares(overconfidence=(0.3, 0.5))
    assert names(findings(shares=table, drops=table, others={"temperature": 1.1})) == []
    assert names(findings({"volatility": 0.01}, drops=table, others={"temperature": 1.3})) == ["overconfidence"]


def test_without_intervals_only_a_large_share_is_evidence():
    table = {name: {"share": share, "interval": None} for name, share in (("last_iterate", 0.5), ("augmented", 0.2))}
    (cause,) = rank_causes(findings(shares=table))
    assert (cause.name, cause.share, cause.interval) == ("last_iterate", 0.5, None)
    drops = {"batch_norm_statistics": {"share": 0.4, "interval": None}}
    assert names(findings({"volatility": 0.01}, drops=drops)) == ["batch_norm_statistics"]
    drops = {"batch_norm_statistics": {"share": 0.2, "interval": None}}
    assert names(findings({"volatility": 0.01}, drops=drops)) == []


@pytest.mark.parametrize(("frames", "listed"), [(1350, True), (1344, False), (1390, False), (10, False)])
def test_a_small_last_batch_is_listed_beside_other_causes(frames, listed):
    found = findings(shares=shares(overconfidence=(0.2, 0.3)), train_frames=frames, **{"train.drop_remainder": False})
    assert ("tail_batch" in names(found)) == listed


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"audit": {"nearest_training_frame": {"share_within_2_seconds": 0.9}}}, "leaky_split"),
        ({"background": {"accuracy": 0.8, "chance": 1 / 3, "interval": [0.7, 0.9]}}, "background_confound"),
        ({"frames": {"pair_share": 0.8}}, "look_alikes"),
    ],
)
def test_what_the_level_is_worth_is_said_after_the_jumps(given, name):
    assert names(findings(**given)) == [name]
    assert names(findings(shares=shares(overconfidence=(0.1, 0.2)), **given)) == ["overconfidence", name]


@pytest.mark.parametrize("honest", [{"split.gap_seconds": 2.5}, None])
def test_a_leaky_split_offers_one_that_the_frames_allow_or_says_that_there_is_none(honest):
    leaky = {"nearest_training_frame": {"share_within_2_seconds": 0.9}}
    (cause,) = rank_causes(findings(audit=leaky, others={"honest_split": honest}))
    assert cause.fix == (honest or {}) and ("record each class again" in cause.evidence) == (honest is None)


def test_a_background_near_chance_and_a_few_errors_are_no_evidence():
    assert names(findings(background={"accuracy": 0.5, "chance": 1 / 3, "interval": [0.4, 0.6]})) == []
    assert names(findings(frames={"pair_share": 0.9, "errors": 0.01})) == []


def test_a_network_without_a_finite_answer_to_hidden_frames_does_not_hide_the_background():
    given = {"accuracy": 0.9, "chance": 1 / 3, "interval": [0.8, 1.0]}
    hidden = {"accuracy": None, "interval": None, "chance": 1 / 3}
    (cause,) = rank_causes(dataclasses.replace(findings(background=given), without_middle=hidden))
    assert cause.name == "background_confound" and "of none (chance" in cause.evidence


def test_a_background_that_no_split_can_part_from_the_dog_has_no_override():
    given = {"accuracy": 0.9, "chance": 1 / 3, "interval": [0.8, 1.0]}
    (cause,) = rank_causes(findings(background=given, audit={"single_class_backgrounds": ["beach"]}))
    assert cause.fix == {} and "record each class on every background" in cause.evidence


def test_a_background_is_held_out_where_the_frames_allow_it_and_it_is_not_yet():
    given = {"accuracy": 0.9, "chance": 1 / 3, "interval": [0.8, 1.0]}
    (cause,) = rank_causes(findings(background=given, **{"split.strategy": "frame"}))
    assert cause.fix == {"split.strategy": "background"}
    (cause,) = rank_causes(findings(background=given, **{"split.strategy": "background"}))
    assert cause.fix == {}
    (cause,) = rank_causes(findings(background=given, others={"splits_by_background": False}))
    assert cause.fix == {} and "record each class on every background" in cause.evidence


@pytest.mark.parametrize(("smoothing", "fix"), [(0.0, {"optim.label_smoothing": 0.1}), (0.1, {}), (0.2, {})])
def test_smoothing_is_offered_to_a_run_that_has_none(smoothing, fix):
    found = findings(shares=shares(overconfidence=(0.2, 0.3)), **{"optim.label_smoothing": smoothing})
    (cause,) = rank_causes(found)
    assert (cause.name, cause.fix) == ("overconfidence", fix)


@pytest.mark.parametrize(
    ("merged", "pair", "fix"),
    [
        ((), ["a", "b"], ["a", "b"]),
        (("a", "b"), ["a+b", "c"], ["a", "b", "c"]),
        (("a", "b"), ["c", "d"], [["a", "b"], ["c", "d"]]),
        ((("a", "b"), ("c", "d")), ["a+b", "e"], [["c", "d"], ["a", "b", "e"]]),
    ],
)
def test_merging_keeps_what_is_merged_already(merged, pair, fix):
    (cause,) = rank_causes(findings(frames={"pair_share": 0.8, "pair": pair}, **{"data.merge_labels": merged}))
    assert cause.fix == {"data.merge_labels": fix}
    replace_fields(Config(), cause.fix)


@pytest.mark.parametrize("switch", ["batch_norm_statistics", "augmented_validation", "overconfidence"])
def test_a_switch_that_lowers_the_loss_of_a_calm_curve_is_a_cause_of_its_level(switch):
    (cause,) = rank_causes(findings({"volatility": 0.09}, drops=shares(**{switch: (0.2, 0.4)})))
    assert (cause.name, cause.explains) == (switch, "level") and "30% of the loss" in cause.evidence
    assert names(findings({"volatility": 0.09}, drops=shares(**{switch: (0.05, 0.4)}))) == []


def test_a_switch_is_listed_once():
    both = shares(overconfidence=(0.2, 0.4))
    assert names(findings(shares=both, drops=both)) == ["overconfidence"]


def test_probable_label_errors_are_listed_without_an_override():
    error = {"unit": "rec1", "label": "biscuit", "called": "pepper", "probability": 0.93}
    found = {"share": 0.1, "errors": [error], "units": 9, "unit": "recording", "right_elsewhere": 0.97}
    (cause,) = rank_causes(findings(others={"label_errors": found}))
    assert (cause.name, cause.fix, cause.override) == ("label_noise", {}, "")
    assert "rec1, labelled biscuit, predicted pepper (p 0.93)" in cause.evidence


@pytest.mark.parametrize(("mean", "deviation", "listed"), [(118.0, 61.0, True), (0.5, 0.25, False), (0.0, 1.0, False)])
def test_an_input_that_is_far_too_large_is_listed(mean, deviation, listed):
    assert ("input_scale" in names(findings(others={"input_scale": {"mean": mean, "sd": deviation}}))) == listed


def test_groups_too_few_for_an_interval_are_a_small_validation_set():
    evaluation = {"frames": 450, "intervals": {"accuracy": None}, "effective_sample_size": {"n_eff": None}}
    assert names(findings(others={"evaluation": evaluation})) == []  # every frame is right, perhaps
    others = {"evaluation": evaluation, "no_intervals": "too few recordings for an interval: 3 of 3 classes"}
    (cause,) = rank_causes(findings(others=others))
    assert cause.name == "small_validation" and "3 of 3 classes" in cause.evidence


def test_a_small_validation_set_is_named_last():
    others = {"evaluation": {}, "no_intervals": "too few recordings", "input_scale": {"mean": 118.0, "sd": 61.0}}
    assert names(findings(others=others)) == ["input_scale", "small_validation"]


def test_a_wide_interval_says_how_many_frames_it_is_worth():
    evaluation = {
        "frames": 450,
        "intervals": {"accuracy": [0.5, 0.8], "groups": 9, "unit": "recording"},
        "effective_sample_size": {"n_eff": 21.4},
    }
    (cause,) = rank_causes(findings(others={"evaluation": evaluation}))
    assert cause.name == "small_validation" and "their 450 frames say as much as 21 independent" in cause.evidence
