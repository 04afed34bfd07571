"""An epoch that is trained again: the run's own to the bit, or with one thing changed."""

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats

from dogjax.config import replace_fields
from dogjax.diagnose import branches
from dogjax.diagnose.branches import (
    AS_IS,
    BRANCHES,
    LITTLE_LEFT,
    MUCH_LEFT,
    NOTHING_LEFT,
    WITHOUT_TAIL,
    Ends,
    branch,
    choose,
    effects,
)
from dogjax.files import read_json
from dogjax.train.checkpoints import read_state
from dogjax.train.experiment import Material, build_experiment
from dogjax.train.loop import train
from dogjax.train.state import state_sha256
from dogjax.train.workdir import Workdir

EPOCHS = 4


@pytest.fixture(scope="module")
def run(setup, tmp_path_factory):
    """A run whose last batch is small, and its folder."""
    folder = tmp_path_factory.mktemp("branched") / "run"
    fields = {"train.epochs": EPOCHS, "train.keep": 3, "train.drop_remainder": False, "train.batch_size": 16}
    config = replace_fields(setup.config(), fields)
    train(config, Workdir(folder))
    return build_experiment(config), Workdir(folder)


def material(experiment):
    return Material(experiment.prepared, experiment.table, experiment.pipeline.images)


def files(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in paths if path.name not in (branches.FILE, ".dogjax.lock")}


def test_with_the_seeds_of_the_run_an_epoch_that_is_trained_again_has_its_bits(run):
    experiment, workdir = run
    steps = experiment.pipeline.steps_per_epoch
    state = read_state(experiment, workdir.path / "checkpoints", (EPOCHS - 1) * steps)
    assert int(state.step) == (EPOCHS - 1) * steps
    end = branches._one_epoch(experiment, experiment.devices.replicate(state), EPOCHS - 1, 1.0)
    end = end.replace(sums=experiment.initial_state().sums)  # the run begins an epoch's sums anew when it has ended
    assert state_sha256(end) == read_json(workdir.path / "result.json")["state_sha256"]


def test_every_branch_changes_the_ends_and_nothing_in_the_folder(run):
    experiment, workdir = run
    before, chosen, done = files(workdir.path), choose(experiment, "all", MUCH_LEFT), []
    ends = branch(experiment, workdir, material(experiment), chosen, lambda: done.append(1), replicates=2)
    assert files(workdir.path) == before
    assert list(ends) == [each.name for each in chosen] and "without_tail" in ends
    assert len(done) == 2 * len(chosen)
    assert len({each.losses for each in ends.values()}) == len(ends)
    for each in ends.values():
        assert each.losses[0] != each.losses[1] and each.losses != each.precise
        assert all(map(math.isfinite, each.losses + each.precise))


def test_a_diagnosis_that_was_stopped_goes_on_with_the_next_replicate(run, tmp_path):
    experiment, workdir = run
    chosen = choose(experiment, "all", MUCH_LEFT)[:2]
    whole = branch(experiment, workdir, material(experiment), chosen, lambda: None, replicates=3)
    (workdir.path / branches.FILE).unlink()
    done = []

    def stop():
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        branch(experiment, workdir, material(experiment), chosen, stop, replicates=3)
    left = []
    again = branch(experiment, workdir, material(experiment), chosen, lambda: left.append(1), replicates=3)
    assert again == whole and len(left) == 2
    known = json.loads((workdir.path / branches.FILE).read_text())
    assert set(known["ends"]) == {each.name for each in chosen}


def test_ends_of_another_code_are_trained_again(run, monkeypatch):
    experiment, workdir = run
    chosen, trained = choose(experiment, "all", MUCH_LEFT)[:1], []
    branch(experiment, workdir, material(experiment), chosen, lambda: None, replicates=1)
    branch(experiment, workdir, material(experiment), chosen, lambda: trained.append(1), replicates=1)
    assert trained == []
    monkeypatch.setattr(branches, "code_sha256", lambda without: f"another, without {without}")
    branch(experiment, workdir, material(experiment), chosen, lambda: trained.append(1), replicates=1)
    assert trained == [1]
    assert json.loads((workdir.path / branches.FILE).read_text())["code"] == "another, without ('report', 'study')"


def test_a_change_that_diverges_is_left_out(run, monkeypatch):
    experiment, workdir = run
    wild = dataclasses.replace(BRANCHES[2], name="wild", rate=1e30)
    as_is = choose(experiment, "all", MUCH_LEFT)[0]
    ends = branch(experiment, workdir, material(experiment), (as_is, wild), lambda: None, replicates=2)
    assert list(ends) == [AS_IS]
    assert json.loads((workdir.path / branches.FILE).read_text())["ends"]["wild"] == [None, None]


def test_a_run_without_a_checkpoint_has_no_branches(setup, tmp_path):
    config = replace_fields(setup.config(), {"train.epochs": 1})
    train(config, Workdir(tmp_path / "run"))
    experiment = build_experiment(config)
    (tmp_path / "run/checkpoints").rename(tmp_path / "elsewhere")
    assert branch(experiment, Workdir(tmp_path / "run"), material(experiment), BRANCHES[:1], lambda: None) is None


def test_only_what_the_run_has_and_the_switches_leave_open_is_branched(setup, run):
    def names(experiment, how, left=MUCH_LEFT):
        return [each.name for each in choose(experiment, how, left)]

    plain = {"model.dropout": 0.0, "train.drop_remainder": True, "optim.name": "sgd", "optim.momentum": 0.0}
    sparse = build_experiment(replace_fields(setup.config(), plain))
    assert AS_IS in names(sparse, "all")
    assert not {WITHOUT_TAIL, "without_dropout", "without_moments"} & set(names(sparse, "all"))
    assert names(sparse, "off") == [] and "without_augmentation" not in names(sparse, "auto")
    # Where the curve is calm when it is scored in another way, the free change alone is a question.
    assert names(sparse, "auto", NOTHING_LEFT) == []
    assert names(run[0], "auto", NOTHING_LEFT) == [AS_IS, WITHOUT_TAIL]
    assert names(run[0], "auto", LITTLE_LEFT) == [AS_IS, WITHOUT_TAIL, "quarter_rate", "sixteenth_rate"]
    assert names(run[0], "all", NOTHING_LEFT) == names(run[0], "all")


def of(losses, precise=None):
    return Ends(tuple(losses), tuple(losses if precise is None else precise))


def test_an_effect_is_the_ratio_of_deviations_with_an_interval_of_f():
    rng = np.random.default_rng(1)
    before, after = rng.normal(1, 0.4, 8), rng.normal(0.7, 0.1, 8)
    found = effects({AS_IS: of(before), "b": of(after, before)})["b"]
    ratio = np.std(after, ddof=1) / np.std(before, ddof=1)
    assert found.stored.ratio == pytest.approx(ratio) and found.precise.ratio == pytest.approx(1)
    assert found.stored.part == pytest.approx(1 - ratio) and found.precise.part == pytest.approx(0)
    low, high = found.stored.interval
    assert low < ratio < high and found.stored.calms == (high < 1)
    # A ratio at either limit is just significant.
    assert stats.f.cdf((ratio / high) ** 2, 7, 7) == pytest.approx(0.025)
    assert stats.f.sf((ratio / low) ** 2, 7, 7) == pytest.approx(0.025)


def test_a_lower_mean_has_an_interval_of_t():
    rng = np.random.default_rng(1)
    before, after = rng.normal(1, 0.4, 8), rng.normal(0.3, 0.1, 8)
    found = effects({AS_IS: of(before), "b": of(after)})["b"].stored
    assert found.lower == pytest.approx(before.mean() - after.mean()) and found.lowers
    assert found.lower_part == pytest.approx(found.lower / before.mean())
    limits = stats.ttest_ind(before, after, equal_var=False).confidence_interval()
    assert found.lower_interval == pytest.approx((limits.low, limits.high))
    assert not effects({AS_IS: of(before), "b": of(before)})["b"].stored.lowers


def test_where_an_epoch_has_a_small_last_batch_other_changes_are_held_against_the_epoch_without_it():
    rng = np.random.default_rng(3)
    as_is, without, quarter = (of(rng.normal(1, deviation, 8)) for deviation in (0.8, 0.2, 0.1))
    found = effects({AS_IS: as_is, WITHOUT_TAIL: without, "quarter_rate": quarter})
    assert found[WITHOUT_TAIL].stored.ratio == pytest.approx(without.deviation / as_is.deviation)
    assert found["quarter_rate"].stored.ratio == pytest.approx(quarter.deviation / without.deviation)
    # As a part of all the noise of an epoch, so that the parts of a chain can be compared.
    part = (without.deviation - quarter.deviation) / as_is.deviation
    assert found["quarter_rate"].stored.part == pytest.approx(part)


def test_an_epoch_without_noise_has_no_effects_and_one_whose_statistics_make_it_has_finite_ones():
    assert effects({AS_IS: of([1.0] * 8), "b": of([0.5] * 8)}) == {}
    noise = np.random.default_rng(4).normal(1, 0.1, 8)
    found = effects({AS_IS: of(noise, [1.0] * 8), "b": of(noise, [0.5] * 8)})["b"].precise
    assert found.lower_interval == (0.5, 0.5) and found.lowers and found.ratio == 1


def test_intervals_of_effects_hold_the_truth_as_often_as_they_say():
    rng, held, means = np.random.default_rng(2), 0, 0
    for _ in range(1000):
        before, after = rng.normal(1, 0.4, 8), rng.normal(0.7, 0.2, 8)
        found = effects({AS_IS: of(before), "b": of(after)})["b"].stored
        held += found.interval[0] <= 0.5 <= found.interval[1]
        means += found.lower_interval[0] <= 0.3 <= found.lower_interval[1]
    assert 0.93 < held / 1000 < 0.97 and 0.93 < means / 1000 < 0.97
