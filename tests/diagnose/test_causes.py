"""A cause is listed with its evidence, or not at all."""

import pytest

from dogjax.config import Config, replace_fields
from dogjax.diagnose.causes import rank_causes
from dogjax.diagnose.findings import Findings


def findings(symptom=None, shares=None, frames=None, audit=None, background=None, train_frames=1350, **fields):
    """A calm, honest run of nothing suspicious, but for what is given."""
    chance = {"accuracy": 0.34, "chance": 1 / 3, "interval": [0.25, 0.43], "groups": 36, "note": None}
    return Findings(
        config=replace_fields(Config(), {"train.drop_remainder": True, "data.scale": "standardise"} | fields),
        symptom={"volatility": 0.5, "train_volatility": 0.05} | (symptom or {}),
        shares=shares,
        frames={"worst_twentieth": 0.5, "errors": 0.3, "pair": ["a", "b"], "pair_share": 0.4, "pairs": 3}
        | (frames or {}),
        audit={"nearest_training_frame": {"share_within_2_seconds": 0.0}, "shared_backgrounds": []} | (audit or {}),
        background=background or chance,
        evaluation=None,
        train_frames=train_frames,
        temperature=1.0,
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
    assert names(findings({"volatility": 0.1}, shares(batch_norm_statistics=(0.5, 0.9)))) == []


def test_long_steps_are_the_learning_rate_where_training_jumps_too():
    (cause,) = rank_causes(findings({"train_volatility": 0.4}, shares(last_iterate=(0.3, 0.5))))
    assert (cause.name, cause.share, cause.fix) == ("learning_rate", 0.4, {"optim.learning_rate": 0.0004})
    (cause,) = rank_causes(findings({"train_volatility": 0.4}, shares(last_iterate=(-0.3, 0.5))))
    assert (cause.name, cause.share) == ("learning_rate", None)


@pytest.mark.parametrize(("frames", "listed"), [(1350, True), (1344, False), (1390, False)])
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


def test_a_background_near_chance_and_a_few_errors_are_no_evidence():
    assert names(findings(background={"accuracy": 0.5, "chance": 1 / 3, "interval": [0.4, 0.6]})) == []
    assert names(findings(frames={"pair_share": 0.9, "errors": 0.01})) == []
