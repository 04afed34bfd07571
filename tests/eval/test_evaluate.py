"""One evaluation: plain values, ready for JSON, that agree with one another."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogjax.eval.evaluate import evaluate, summarise
from tests.data.tables import make_table, three_dogs


def random_logits(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (frames, 3)).astype(np.float32)


def evaluated(table, logits, order=None, seed=0):
    order = np.arange(len(table)) if order is None else order
    return evaluate(
        logits[order],
        table.label[order],
        recordings=table.recording[order],
        backgrounds=table.background[order],
        times=table.time[order],
        label_names=table.label_names,
        rng=np.random.default_rng(seed),
    )


def through_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


def leaves(value, path=""):
    """(path, value) of every plain value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return [(path, value)]
    return [leaf for key, each in items for leaf in leaves(each, f"{path}/{key}")]


@pytest.fixture(scope="module")
def usual():
    table = three_dogs()
    return evaluated(table, random_logits(len(table)))


def test_an_evaluation_holds_every_statistic(usual):
    assert list(usual) == [
        "frames",
        "loss",
        "accuracy",
        "ece",
        "brier",
        "by_label",
        "by_background",
        "by_recording",
        "worst_background",
        "confusion",
        "votes",
        "intervals",
        "effective_sample_size",
    ]


def test_an_evaluation_is_the_same_after_json(usual):
    assert through_json(usual) == usual
    assert {type(value) for _, value in leaves(usual)} <= {int, float, str, bool, type(None)}


def test_the_parts_of_an_evaluation_agree(usual):
    assert usual["frames"] == 600
    for table in ("by_label", "by_background", "by_recording"):
        rows = usual[table].values()
        assert sum(row["frames"] for row in rows) == 600
        assert sum(row["frames"] * row["accuracy"] for row in rows) / 600 == pytest.approx(usual["accuracy"])
        assert sum(row["frames"] * row["loss"] for row in rows) / 600 == pytest.approx(usual["loss"])
    worst = usual["worst_background"]
    assert worst["accuracy"] == min(row["accuracy"] for row in usual["by_background"].values())
    assert worst["accuracy"] == usual["by_background"][worst["background"]]["accuracy"]
    assert np.trace(usual["confusion"]["counts"]) / 600 == pytest.approx(usual["accuracy"])
    assert usual["confusion"]["labels"] == list(usual["by_label"]) == ["ash", "bea", "cole"]
    assert list(usual["votes"]["recordings"]) == list(usual["by_recording"])
    for name in ("loss", "accuracy"):
        assert usual["intervals"][name][0] < usual[name] < usual["intervals"][name][1]
    assert usual["intervals"]["groups"] == usual["effective_sample_size"]["groups"] == 12


def test_the_short_form_is_a_part_of_the_whole(usual):
    table = three_dogs()
    short = summarise(random_logits(600), table.label, table.background, table.label_names)
    assert short == {name: usual[name] for name in ("loss", "accuracy", "by_label", "by_background")}
    assert through_json(short) == short


def test_the_generator_decides_the_intervals_and_nothing_else(usual):
    table = three_dogs()
    again, other = (evaluated(table, random_logits(600), seed=seed) for seed in (0, 1))
    assert again == usual
    assert other.pop("intervals") != again.pop("intervals")
    assert other == again


def test_the_order_of_frames_does_not_matter(usual):
    table = three_dogs()
    shuffled = evaluated(table, random_logits(600), np.random.default_rng(2).permutation(600))
    ours, theirs = leaves(usual), leaves(shuffled)
    assert [path for path, _ in theirs] == [path for path, _ in ours]
    for (path, mine), (_, other) in zip(ours, theirs):
        assert other == (pytest.approx(mine, rel=1e-9) if isinstance(mine, float) else mine), path


def constant(table):
    return np.tile(np.array([[9.0, 0.0, -9.0]], np.float32), (len(table), 1))


def perfect(table):
    return 1e4 * np.eye(3, dtype=np.float32)[table.label]


NAMELESS = make_table([(dog, "", "", 30) for dog in ("ash", "bea", "cole")])
ONE_RECORDING_EACH = make_table([(dog, dog, "yard", 100) for dog in ("ash", "bea", "cole")])


@pytest.mark.parametrize("table", [three_dogs(), NAMELESS, ONE_RECORDING_EACH], ids=["usual", "nameless", "blocks"])
@pytest.mark.parametrize("predict", [constant, perfect, lambda table: -perfect(table)], ids=["one", "all", "none"])
def test_degenerate_predictions_are_ready_for_json_and_claim_no_certainty(table, predict):
    evaluation = evaluated(table, predict(table))
    assert through_json(evaluation) == evaluation
    assert evaluation["intervals"]["accuracy"] is None
    assert "no variation of accuracy" in evaluation["intervals"]["note"]


def test_data_that_name_nothing_have_null_or_empty_statistics_of_groups():
    evaluation = evaluated(NAMELESS, random_logits(90))
    assert through_json(evaluation) == evaluation
    assert (evaluation["by_background"], evaluation["by_recording"]) == ({}, {})
    assert evaluation["worst_background"] is None
    assert evaluation["votes"] == {"accuracy": None, "recordings": {}}
    assert evaluation["intervals"]["unit"] == "frame"
    assert evaluation["effective_sample_size"]["n_eff"] is None


def test_one_frame_can_be_evaluated():
    evaluation = evaluated(make_table([(dog, dog, "", 1) for dog in ("ash", "bea", "cole")]), random_logits(3), [1])
    assert through_json(evaluation) == evaluation
    assert (evaluation["frames"], list(evaluation["by_label"])) == (1, ["bea"])


@settings(max_examples=50, deadline=None)
@given(frames=st.integers(1, 80), recordings=st.integers(0, 12), seed=st.integers(0, 10**6))
def test_any_evaluation_is_ready_for_json(frames, recordings, seed):
    rng = np.random.default_rng(seed)
    evaluation = evaluate(
        rng.integers(-2, 3, (frames, 3)) * 10.0 ** rng.integers(-3, 4),
        rng.integers(0, 3, frames),
        # With 0 recordings all are unknown, else some may be.
        recordings=np.array(["", *"abcdefghijkl"])[rng.integers(min(seed % 2, recordings), recordings + 1, frames)],
        backgrounds=np.array(["", "hall", "yard"])[rng.integers(0, 3, frames)],
        times=rng.uniform(0, 200, frames),
        label_names=("ash", "bea", "cole"),
        rng=rng,
    )
    assert through_json(evaluation) == evaluation
