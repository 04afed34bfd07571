"""The runs of a study are a pure function of its configuration, and differ in nothing but what is studied."""

import dataclasses

import pytest
from SALib.sample import sobol as sobol_design

from dogjax.config import Config, StudyConfig, flatten, from_dict, to_dict
from dogjax.errors import UserError
from dogjax.prng import Streams
from dogjax.study.plan import design_problem, in_shard, plan_runs


def config(**study):
    return dataclasses.replace(Config(seed=3), study=StudyConfig(**study))


def differing(a, b):
    mine, other = dict(flatten(to_dict(a))), dict(flatten(to_dict(b)))
    return {name for name in mine if mine[name] != other[name]}


def test_a_seed_study_frees_one_stream_an_arm_and_freezes_the_others():
    runs = plan_runs(config(replicates=4, bases=2))
    arms = {}
    for run in runs:
        arms.setdefault((run.arm, run.base), []).append(run.config)
    for (arm, base), configs in arms.items():
        free = {"control": set(), "all": {f"seeds.{name}" for name in StudyConfig().streams}}.get(arm, {f"seeds.{arm}"})
        for each in configs[1:]:
            assert differing(configs[0], each) == free
        assert {each.seed for each in configs} == {3 + base}
        assert len({tuple(to_dict(each)["seeds"].items()) for each in configs}) == (1 if arm == "control" else 4)
    assert len(runs) == 3 + 2 * 4 * 7
    assert [run.killed for run in runs[:3]] == [False, False, True]


def test_every_run_has_a_folder_of_its_own_and_no_study_in_its_configuration():
    runs = plan_runs(config(replicates=3))
    assert len({run.name for run in runs}) == len(runs)
    assert {run.config.study for run in runs} == {StudyConfig()}


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_shards_share_the_runs_out_and_the_first_has_the_whole_control(parts):
    runs = plan_runs(config(replicates=3))
    shards = [in_shard(runs, f"{part}/{parts}") for part in range(1, parts + 1)]
    assert sorted(run.name for shard in shards for run in shard) == sorted(run.name for run in runs)
    assert [run.arm for run in shards[0]].count("control") == 3


def test_arms_are_tried_with_common_seeds():
    runs = plan_runs(config(kind="arms", replicates=6, arms=(("wide", (("model.dense", (9,)),)),)))
    reference = [run.config for run in runs if run.arm == "reference"]
    wide = [run.config for run in runs if run.arm == "wide"]
    assert [differing(a, b) for a, b in zip(reference, wide, strict=True)] == [{"model.dense"}] * 6
    assert [each.seed for each in wide] == list(range(3, 9))


def test_a_crossed_study_tries_every_fold_with_every_seed_on_one_split():
    runs = plan_runs(config(kind="crossed", replicates=3))
    assert {(run.config.split.fold, run.config.seed) for run in runs} == {(f, s) for f in range(4) for s in (3, 4, 5)}
    assert {run.config.seeds.split for run in runs} == {3}


def test_rows_of_a_sobol_study_share_streams_as_the_design_says():
    runs = [
        run.config.seeds
        for run in plan_runs(config(kind="sobol", streams=("init", "order"), replicates=4))
        if run.arm == "sobol"
    ]
    assert len(runs) == 4 * (2 + 2)
    first, init_changed, order_changed, second = runs[:4]
    assert (init_changed.init, init_changed.order) == (second.init, first.order)
    assert (order_changed.init, order_changed.order) == (first.init, second.order)


def test_the_design_of_a_sobol_study_is_drawn_from_a_stream():
    study = StudyConfig(kind="sobol", streams=("init", "order"), replicates=4)
    planned = [run.config.seeds.init for run in plan_runs(config(**dataclasses.asdict(study))) if run.arm == "sobol"]
    seed = int(Streams(3).numpy("split", 3, 1).integers(2**31))
    rows = sobol_design.sample(design_problem(study), 4, calc_second_order=False, seed=seed)
    assert planned == [int(place * 2**31) for place, _ in rows]


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"kind": "arms"}, "study.arms is empty"),
        ({"kind": "arms", "arms": (("a", (("model.dens", (9,)),)),)}, "'a': unknown .* 'model.dens'"),
        ({"kind": "arms", "arms": (("a", ()), ("a", ()))}, "'a' is taken"),
        ({"kind": "arms", "arms": (("control", ()),)}, "'control' is taken"),
        ({"kind": "arms", "arms": (("../a", ()),)}, "is taken or invalid; choose another name"),
        ({"kind": "sobol", "replicates": 5}, "a power of two"),
    ],
)
def test_a_study_that_cannot_be_planned_says_why(study, message):
    with pytest.raises(UserError, match=message):
        plan_runs(config(**study))


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ({"streams": ("poke",)}, "the streams are split, init, order, augment, dropout"),
        ({"streams": ("init", "init")}, "each once"),
        ({"lengths": (0.5, 2.0)}, "shares of train.epochs"),
        ({"shard": "3/2"}, "write i/n"),
        ({"shard": "one"}, "write i/n"),
        ({"arms": ("a",)}, "must be"),
        ({"arms": (("a", ((3, 1),)),)}, "study.arms: 'a': 3 is no field; give its name in quotes"),
        ({"arms": (("a", (("optim.learning_rate.x", 1),)),)}, "unknown .* 'optim.learning_rate.x'; did you mean"),
        ({"arms": (("a", (("model.dens", 1),)),)}, "unknown .* 'model.dens'; did you mean 'model.dense'"),
        ({"arms": (("a", (("optim", 1),)),)}, "unknown configuration field 'optim'"),
        ({"arms": (("a", (("seed", 1),)),)}, "'a': seed is the study's own, the same for every arm; set it once"),
        ({"arms": (("a", (("study.width", 1),)),)}, "'a': study.width is the study's own"),
        ({"kind": "seed"}, "did you mean 'seeds'"),
    ],
)
def test_a_wrong_study_is_refused(study, message):
    with pytest.raises(UserError, match=message):
        from_dict({"study": study})
