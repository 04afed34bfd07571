"""The bench of faults: its table, its designs, its statistics, and runs of it."""

import dataclasses
import itertools
import math
import multiprocessing
import os
import pathlib
import signal
import threading
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from bench.faults import edits, history, page, picture, plan, rules, together
from bench.faults import execute as execution
from bench.faults.cases import CASES
from bench.faults.effect import measure_effect
from bench.faults.execute import execute, read_rows
from bench.faults.fault import Situation
from bench.faults.operators import FAULTS
from bench.faults.score import measure_effects, score, wilson, with_earlier
from bench.faults.sound import VARIATIONS, base, variation
from bench.faults.worlds import WORLDS
from dogjax.config import Config, field_names
from dogjax.data.decode import decode_frames
from dogjax.data.sources.clips import find_clips
from dogjax.diagnose import causes
from dogjax.errors import Stopped, UserError
from dogjax.train.identity import code_sha256
from dogjax.world import film

# The names of the design: those of today's diagnosis and those to come.
CAUSES = frozenset(
    [
        *("batch_norm_statistics", "dropout_before_norm", "augmented_validation", "learning_rate", "small_batch"),
        *("tail_batch", "last_iterate", "moving_validation", "resume_step", "optimizer_instability", "not_learning"),
        *("overfitting", "underfitting", "leaky_split", "duplicates", "missing_class", "class_imbalance"),
        *("sides_differ", "wrong_class_order", "label_noise", "look_alikes", "background_confound"),
        *("recording_format", "small_validation", "input_scale", "overconfidence"),
    ]
)


def row(world="embedded", kind="sound", strength=0, seed=1, key="", named=(), **measured):
    values = {"loss": 0.5, "accuracy": 0.9, "jumping": 0.05} | measured
    fields = {"world": world, "kind": kind, "strength": strength, "seed": seed, "key": key}
    status = "diverged" if values["loss"] is None else "finished"
    return fields | {"status": status, "measures": values, "diagnosed": True, "named": list(named), "shares": {}}


def test_every_right_name_is_one_of_the_design():
    for fault in FAULTS.values():
        assert fault.right and fault.right <= CAUSES, fault.name
        assert fault.what and fault.why and fault.whence
        assert len(fault.strengths) == 3
    assert len(FAULTS) >= 24
    assert {cause.name for cause in causes.CAUSES} <= CAUSES


def test_faults_change_fields_that_exist_and_nothing_else(worlds):
    config = base(WORLDS["embedded"], worlds, 1)
    for name, fault in FAULTS.items():
        assert set(fault.setting) <= set(field_names()), name
        for strength in fault.strengths:
            run = plan.Planned("embedded", name, fault.strengths.index(strength) + 1, 1, True)
            assert plan.control_of(fault, run.strength)
            situation = Situation(config, strength)
            assert fault.edit or set(fault.fields(situation)) <= set(field_names()), name


def test_sound_runs_are_many_and_no_two_alike(tmp_path):
    development = [(world, n) for world in ("embedded", "drift") for n in range(1, VARIATIONS[world] + 1)]
    assert len(development) >= 72
    drawn = [repr(sorted(variation(*each, tmp_path).items())) for each in development]
    assert len(set(drawn)) == len(drawn)


def test_each_pair_of_factors_comes_in_all_four_combinations_equally_often():
    design = together.design()
    assert design.shape == (together.RUNS, len(together.FACTORS))
    for a, b in itertools.combinations(design.T, 2):
        assert [np.count_nonzero((a == x) & (b == y)) for x in (0, 1) for y in (0, 1)] == [6, 6, 6, 6]


def test_the_plan_names_each_run_once_and_gives_each_fault_its_sound_runs():
    runs = plan.plan(WORLDS.values())
    names = {run.name for run in runs}
    assert len(names) == len(runs)
    for run in runs:
        if run.kind in FAULTS:
            key = plan.control_of(FAULTS[run.kind], run.strength)
            assert f"{run.world}/sound/{key}/{run.seed}" in names
    diagnosed = Counter((run.world, run.kind, run.strength) for run in runs if run.kind in FAULTS and run.diagnosed)
    assert set(diagnosed.values()) == {plan.DIAGNOSED}
    parts = [run for part in ("1/3", "2/3", "3/3") for run in plan.part_of(runs, part)]
    assert sorted(parts) == sorted(runs)
    for wrong in ("0/3", "4/3", "3", "a/b"):
        with pytest.raises(UserError, match="write i/n"):
            plan.part_of(runs, wrong)


def test_runs_that_share_their_programs_go_to_one_lane():
    runs = plan.plan(WORLDS.values())
    alike = execution.alike_runs(runs)
    assert sorted(run for each in alike for run in each) == sorted(runs)
    kinds = [{(run.world, run.kind, run.key) for run in each} for each in alike]
    assert all(len(kind) == 1 for kind in kinds)
    assert {len(each) for each in alike if each[0].kind == plan.TOGETHER} == {2}
    assert max(map(len, alike)) <= 12


def test_runs_of_some_faults_come_with_their_sound_runs_alone():
    runs = plan.only(plan.plan([WORLDS["embedded"]]), ["tail_batch"])
    assert {run.kind for run in runs} == {"tail_batch", "sound"}
    assert len(runs) == 24
    with pytest.raises(UserError, match="tail_batch"):
        plan.only(runs, ["tail_bach"])


def test_settings_that_are_equal_share_their_sound_runs():
    assert plan.control_of(FAULTS["norm_momentum"], 1) == plan.BASE == plan.control_of(FAULTS["weight_decay"], 3)
    assert plan.control_of(FAULTS["rate_too_high_sgd"], 1) == plan.control_of(FAULTS["optimizer"], 2) != plan.BASE
    assert plan.control_of(FAULTS["tail_batch"], 1) != plan.control_of(FAULTS["tail_batch"], 2)


def test_a_fault_hurts_only_if_the_change_is_sure_and_felt():
    fault, seeds = FAULTS["norm_momentum"], range(4)
    sound = [row(loss=0.5 + 0.05 * seed, accuracy=0.9 - 0.01 * seed) for seed in seeds]
    worse = [row(loss=0.8 + 0.05 * seed, accuracy=0.8 - 0.01 * seed) for seed in seeds]
    effect = measure_effect(fault, worse, sound)
    assert effect.hurts == ("loss", "accuracy")
    assert effect.change["accuracy"] == pytest.approx(-0.1)
    assert effect.change["loss"] == pytest.approx(
        np.mean([math.log((0.8 + 0.05 * s) / (0.5 + 0.05 * s)) for s in seeds])
    )
    assert not measure_effect(fault, sound, sound).hurts
    assert not measure_effect(fault, sound, worse).hurts  # better is not worse
    little = [row(loss=0.505 + 0.05 * seed, accuracy=0.899 - 0.01 * seed) for seed in seeds]
    assert measure_effect(fault, little, sound).verdict is False  # sure, and not felt
    unsure = [row(loss=0.5 + 0.05 * seed + (2.0 if seed == 3 else 0.0)) for seed in seeds]
    assert measure_effect(fault, unsure, sound).verdict is None  # felt, and not sure
    assert measure_effect(fault, unsure, sound).felt == ("loss",)


def test_one_measure_of_several_must_be_surer_than_one_alone():
    """Of three measures the surest must reach a third of the level (Holm 1979)."""
    fault, sound = FAULTS["norm_momentum"], [row(loss=0.5)] * 4
    found = measure_effect(fault, [row(loss=0.5 * math.exp(0.5 + 0.39 * z)) for z in (-1, -1 / 3, 1 / 3, 1)], sound)
    assert 0.05 / 3 < found.p["loss"] < 0.05
    assert found.felt == ("loss",) and found.verdict is None
    surer = measure_effect(fault, [row(loss=0.5 * math.exp(0.5 + 0.2 * z)) for z in (-1, -1 / 3, 1 / 3, 1)], sound)
    assert surer.p["loss"] < 0.05 / 3 and surer.hurts == ("loss",)


def test_jumps_count_from_a_fiftieth_of_a_nat_on():
    fault, seeds = FAULTS["tail_batch"], range(4)
    sound, tiny = ([row(jumping=size * (1 + 0.1 * seed)) for seed in seeds] for size in (0.001, 0.01))
    assert not measure_effect(fault, tiny, sound).hurts
    assert measure_effect(fault, [row(jumping=0.1 * (1 + 0.1 * seed)) for seed in seeds], sound).hurts == ("jumping",)


def test_a_fault_that_flatters_counts_where_the_score_is_too_good():
    fault = FAULTS["leaky_split"]
    sound = [row(loss=0.5 + 0.05 * seed, accuracy=0.8) for seed in range(4)]
    better = [row(loss=0.2 + 0.05 * seed, accuracy=0.95) for seed in range(4)]
    assert set(measure_effect(fault, better, sound).hurts) == {"loss", "accuracy"}
    assert not measure_effect(fault, sound, better).hurts


def test_runs_that_diverge_hurt():
    gone = [row(loss=None, accuracy=None, jumping=None) for _ in range(4)]
    effect = measure_effect(FAULTS["rate_too_high_sgd"], gone, [row() for _ in range(4)])
    assert effect.hurts == ("diverged",)
    assert effect.diverged == 4


def scored():
    rows = []
    for seed in range(4):
        rows.append(row(seed=seed, key="base", loss=0.5 + 0.01 * seed))
        rows[-1]["diagnosed"] = False
        named = (
            ["small_validation", "batch_norm_statistics", "overconfidence"],
            ["overconfidence"],
            [],
            ["small_validation"],
        )
        rows.append(row(kind="norm_momentum", strength=3, seed=seed, loss=1.0 + 0.03 * seed, named=named[seed]))
        rows.append(row(kind="weight_decay", strength=1, seed=seed, loss=0.5 + 0.01 * seed, named=named[seed]))
        rows.append(row(seed=50 + seed, strength=seed + 1, named=named[seed]))
    for each in rows:
        each["config"] = {}
    return rows


def test_what_is_named_is_counted(monkeypatch):
    monkeypatch.setattr("bench.faults.score.DIAGNOSTICIANS", {"dogjax": lambda each: each["named"]})
    result = score(scored())
    summary = result["summary"]["embedded"]
    assert summary == result["summary"]["development"] == result["peers"]["dogjax"]["embedded"]
    assert (summary["fault_runs"], summary["hurting_runs"], summary["near_misses"]) == (8, 4, 4)
    assert summary["top1"] == summary["recall"] == 0.25
    assert summary["precision"] == 0.5 / 4
    assert summary["f3"] == pytest.approx(10 * 0.125 * 0.25 / (9 * 0.125 + 0.25))
    assert (summary["sound_runs"], summary["sound_accused"], summary["sound_accusations"]) == (4, 2, 3)
    assert summary["sound_small_validation"] == 2
    assert summary["near_misses_silent"] == 2
    run = result["runs"]["embedded/norm_momentum/3/0"]
    assert run["hurts"] and run["first"] and run["effect"]["loss"] > 0.5
    assert result["summary"].keys() == {"embedded", "development"}


def test_effects_pair_runs_by_seed():
    rows = scored()
    assert set(measure_effects(rows)) == {("embedded", "norm_momentum", 3), ("embedded", "weight_decay", 1)}
    assert measure_effects(rows[::-1]) == {what: effect for what, effect in reversed(measure_effects(rows).items())}


def test_wilson_knows_its_published_values():
    # Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263, and 0 of 20.
    assert wilson(81, 263) == pytest.approx([0.2553, 0.3662], abs=1e-4)
    assert wilson(0, 20) == pytest.approx([0.0, 0.1611], abs=1e-4)
    assert wilson(0, 0) is None


def test_a_reader_of_configurations_sees_what_is_written_there(worlds):
    from dogjax.config import flatten, replace_fields, to_dict

    config = base(WORLDS["embedded"], worlds, 1)

    def suspects(**fields):
        changed = replace_fields(config, {name.replace("__", "."): value for name, value in fields.items()})
        return rules.by_configuration(dict(flatten(to_dict(changed))))

    assert suspects() == []
    assert suspects(model__norm_momentum=0.99) == ["batch_norm_statistics"]
    assert suspects(split__strategy="frame", data__scale="raw") == ["leaky_split", "input_scale"]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """A cache whose embedded world is filmed at a frame every two seconds: what the runs take of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(film, "FPS", 1)
        cache = tmp_path_factory.mktemp("faults") / "cache"
        cache.mkdir()
        yield cache


def test_edits_change_what_they_say(worlds, tmp_path):
    config = base(WORLDS["embedded"], worlds, 1)
    before = find_clips_of(config.data.path)
    for number, (edit, strength) in enumerate(
        [(edits.relabel, 0.25), (edits.duplicate, 0.25), (edits.confine, 1.0), (edits.overlap, 0.5), (edits.thin, 1.0)]
    ):
        root = tmp_path / str(number)
        edit(Situation(config, strength), root)
        after = find_clips_of(root)
        labels = {clip.sha256: clip.label for clip in before}
        moved = sum(labels.get(clip.sha256, clip.label) != clip.label for clip in after)
        places = {label: {clip.background for clip in after if clip.label == label} for label in labels.values()}
        assert (len(after), moved, max(len(each) for each in places.values())) == {
            edits.relabel: (36, 9, 4),
            edits.duplicate: (45, 0, 4),
            edits.confine: (9, 0, 1),
            edits.overlap: (42, 0, 4),
            edits.thin: (9, 0, max(len(each) for each in places.values())),
        }[edit]


def test_edits_of_pixels_reach_the_side_that_they_name(worlds, tmp_path):
    config = base(WORLDS["embedded"], worlds, 1)
    before = {clip.name: clip for clip in find_clips_of(config.data.path)}

    def pixels(path):
        return np.concatenate([frame.image for frame in decode_frames(path, fps=0.5, image_size=24)]).astype(float)

    for edit, strength, trains in (
        (edits.darken_validation, 0.5, False),
        (edits.swap_channels, 1.0, False),
        (edits.add_noise, 90.0, True),
        (edits.fade, 0.004, None),
    ):
        situation = Situation(config, strength)
        edit(situation, root := tmp_path / edit.__name__)
        after = {clip.name: clip for clip in find_clips_of(root)}
        changed = {name for name, clip in after.items() if clip.sha256 != before[name].sha256}
        assert changed == {name for name, clip in before.items() if trains in (None, situation.trains(clip))}
        assert 0 < len(changed) <= len(before)
        name = min(changed)
        old, new = pixels(before[name].path), pixels(after[name].path)
        if edit is edits.darken_validation:
            assert new.mean() == pytest.approx(old.mean() / 2, rel=0.03)
        elif edit is edits.swap_channels:
            np.testing.assert_allclose(new.mean((0, 1)), old.mean((0, 1))[::-1], atol=2)
        elif edit is edits.add_noise:
            assert (new - old).std() > 45  # of 90, clipped, and blurred by the codec
        else:
            assert new.max() <= 2


def test_one_class_alone_is_coarsened(worlds, tmp_path):
    config = base(WORLDS["embedded"], worlds, 1)
    edits.coarsen(Situation(config, 44), tmp_path)
    sizes = {clip.name: (clip.label, clip.path.stat().st_size) for clip in find_clips_of(tmp_path)}
    first = sorted({label for label, _ in sizes.values()})[0]
    assert max(size for label, size in sizes.values() if label == first) < min(
        size for label, size in sizes.values() if label != first
    )


def test_the_batch_that_leaves_a_tail_leaves_it():
    situation = Situation(Config(), 6)
    situation.__dict__["sides"] = (None, SimpleNamespace(train=range(450)))
    size = FAULTS["tail_batch"].control(situation)["train.batch_size"]
    assert 450 % size == 6
    assert FAULTS["tail_batch"].fields(situation) == {"train.batch_size": size, "train.drop_remainder": False}


@pytest.mark.parametrize(("frames", "size"), [(450, 32), (160, 32), (110, 16)])
def test_what_is_left_of_the_frames_fills_a_batch(frames, size):
    situation = Situation(Config(), 40)
    situation.__dict__["sides"] = (None, SimpleNamespace(train=range(frames)))
    assert FAULTS["overconfidence"].fields(situation)["train.batch_size"] == size <= frames * 0.2


def test_a_run_with_several_faults_has_what_each_of_them_needs(worlds):
    (row,) = (number for number in range(together.RUNS) if named_faults(number) == WITH_A_TAIL)
    config = together.configure(base(WORLDS["embedded"], worlds, 1), row)
    assert Situation(config, None).train_frames % config.train.batch_size == 2
    assert config.augment.validation and not config.train.drop_remainder
    strength = FAULTS["augmented_validation"].strengths[together.FACTORS["augmented_validation"]]
    assert config.augment.rotation == 60.0 * strength


WITH_A_TAIL = {
    "changed_labels",
    "tail_batch",
    "norm_momentum",
    "dropout_before_norm",
    "augmented_validation",
    "weight_decay",
    "few_epochs",
}


def named_faults(row):
    return {fault.name for fault, _ in together.faults_of(row)}


class Lane:
    """Rows made without training: what `make_row` does is counted."""

    def __init__(self, root, worlds, monkeypatch):
        self.root, self.done = root, []
        (root / "cache").symlink_to(worlds)
        monkeypatch.setattr(execution, "_train", lambda *_: self.note("train") | {"measures": {}, "config": {}})
        monkeypatch.setattr(execution, "_diagnose", lambda *_: self.note("diagnose") | {"named": []})

    def note(self, what):
        self.done.append(what)
        return {}

    def make(self, run):
        self.done.clear()
        execution.make_row(run, self.root)
        return list(self.done)


def test_a_run_is_made_again_where_its_recipe_has_changed_and_only_there(worlds, tmp_path, monkeypatch):
    lane = Lane(tmp_path, worlds, monkeypatch)
    run = plan.Planned("embedded", "weight_decay", 1, 1, True)
    assert lane.make(run) == ["train", "diagnose"]
    assert lane.make(run) == []
    with monkeypatch.context() as patch:  # another diagnosis
        patch.setattr(execution, "code_sha256", lambda without=(): "another" if without else code_sha256())
        assert lane.make(run) == ["diagnose"]
        assert lane.make(run) == []
    assert lane.make(run) == ["diagnose"]
    with monkeypatch.context() as patch:  # another strength of the same name
        patch.setitem(FAULTS, "weight_decay", dataclasses.replace(FAULTS["weight_decay"], strengths=(0.2, 1.0, 10.0)))
        assert lane.make(run) == ["train", "diagnose"]
    with monkeypatch.context() as patch:  # other code that trains
        patch.setattr(execution, "code_sha256", lambda without=(): "another")
        assert lane.make(run) == ["train", "diagnose"]


def test_an_edit_of_another_strength_is_another_recipe(worlds, tmp_path, monkeypatch):
    lane = Lane(tmp_path, worlds, monkeypatch)
    run = plan.Planned("embedded", "changed_labels", 3, 1, False)
    assert lane.make(run) == ["train"]
    videos = {clip.sha256: clip.label for clip in find_clips_of(tmp_path / run.name / "videos")}
    assert lane.make(run) == []
    with monkeypatch.context() as patch:
        patch.setitem(
            FAULTS, "changed_labels", dataclasses.replace(FAULTS["changed_labels"], strengths=(0.1, 0.2, 0.5))
        )
        assert lane.make(run) == ["train"]
    assert videos != {clip.sha256: clip.label for clip in find_clips_of(tmp_path / run.name / "videos")}


def test_a_run_that_was_cut_off_is_not_taken_for_done(worlds, tmp_path, monkeypatch):
    lane = Lane(tmp_path, worlds, monkeypatch)
    run = plan.Planned("embedded", "weight_decay", 1, 1, True)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(execution, "_diagnose", lambda *_: 1 / 0)
        lane.make(run)
    assert read_rows([run], tmp_path) == []
    assert lane.make(run) == ["diagnose"]
    assert len(read_rows([run], tmp_path)) == 1


def test_causes_that_hold_of_a_world_accuse_nobody():
    def accused(world, named, **config):
        return score([row(world=world, strength=1, named=named) | {"config": config}])["summary"][world][
            "sound_accused"
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.faults.score.DIAGNOSTICIANS", {"dogjax": lambda each: each["named"]})
        assert not accused("noise", ["not_learning", "small_validation"])
        assert accused("noise", ["overconfidence"])
        assert not accused("clips", ["background_confound"])
        assert accused("embedded", ["background_confound"])
        apart = {"data.merge_labels": []}
        assert not accused("embedded", ["look_alikes"], **apart)
        assert accused("embedded", ["look_alikes"], **{"data.merge_labels": ["biscuit", "toffee"]})


def test_worlds_that_were_not_run_again_keep_their_figures(monkeypatch):
    monkeypatch.setattr("bench.faults.score.DIAGNOSTICIANS", {"dogjax": lambda each: each["named"]})
    first = score(scored())
    second = score([each | {"world": "second"} for each in scored()])
    both = with_earlier(second, first)
    assert both["summary"].keys() == {"embedded", "second", "development", "test"}
    assert both["summary"]["embedded"] == first["summary"]["embedded"]
    assert len(both["runs"]) == 2 * len(first["runs"])
    assert len(both["effects"]) == 4
    assert with_earlier(first, first)["runs"] == first["runs"]
    fewer = score([each for each in scored() if each["seed"] != 1])  # the world was run again, with fewer seeds
    assert 0 < len(fewer["runs"]) < len(first["runs"])
    assert with_earlier(fewer, first)["runs"] == fewer["runs"]


def test_each_run_of_the_test_worlds_is_noted_once():
    figures = {"test": dict.fromkeys(history_keys(), 0)}
    log = history.noted([], figures, ["a"], ["b"])
    assert [each["figures"] for each in log] == [figures]
    assert set(log[0]) == {"date", "commit", "thresholds", "code", "figures"}
    assert history.noted(log, figures, ["a"], ["b"]) == log
    assert len(history.noted(log, figures, ["another"], ["b"])) == 2


def history_keys():
    return ("fault_runs", "hurting_runs", "top1", "recall", "precision", "f3", "sound_runs", "sound_accused")


def test_the_page_tells_what_was_found_and_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr("bench.faults.score.DIAGNOSTICIANS", {"dogjax": lambda each: each["named"]})
    case = row(kind="case", strength=1, seed=0, named=["overconfidence"]) | {"config": {}}
    rows = [*scored(), case]
    results = score(rows)
    words = page.in_words(
        results | {"log": history.noted([], {"test": results["summary"]["embedded"]}, ["a"], [])}, rows
    )
    assert "**The development worlds are not complete: 17 of " in words
    assert (
        "| embedded | 4 of 8 | 25 % (5 to 70) | 25 % (5 to 70) | 12 % | 0.23 | 2 of 4 (15 to 85 %) | 2 of 4 |" in words
    )
    assert "| `norm_momentum` | keras#10666 | batch_norm_statistics | 1 of 4 | 1 of 4 |" in words
    assert "| missing class | keras#8346 | missing_class | overconfidence | overconfidence |" in words
    assert "| embedded | `norm_momentum` | 0.997 | x 2.0" in words
    assert "| overconfidence | 2 |" in words
    assert "None yet" not in words
    picture.draw(results, tmp_path / "faults.png")
    with Image.open(tmp_path / "faults.png") as drawn:
        assert drawn.size[0] > 1000


def find_clips_of(root):
    return find_clips(pathlib.Path(root), "fail").clips


def test_a_sample_of_the_bench_runs_to_its_table(worlds):
    """Six runs, two of them of one fault at its strongest: each is trained, diagnosed, and scored; then again, "
    "as they are."""
    faults = ("norm_momentum", "darker_validation")
    runs = [
        run
        for run in plan.plan([WORLDS["embedded"]])
        if run.seed < plan.SEEDS["development"][2]
        and (run.key == plan.BASE or (run.kind in faults and run.strength == 3))
    ]
    assert len(runs) == 6
    root = worlds.parent
    execute(runs, root, lanes=2)
    rows = read_rows(runs, root)
    assert [each["status"] for each in rows] == ["finished"] * 6
    assert [bool(each.get("thresholds")) for each in rows] == [each["diagnosed"] for each in rows]
    result = score(rows)
    effects = {each["fault"]: each["change"] for each in result["effects"]}
    assert effects["norm_momentum"]["loss"] > 0.2
    assert effects["darker_validation"]["loss"] > 0.2
    named = [each["named"] for each in rows if each["kind"] == "norm_momentum"]
    assert all("batch_norm_statistics" in each for each in named)
    written = {run.name: (root / run.name / "row.json").stat().st_mtime_ns for run in runs}
    execute(runs, root, lanes=2)
    assert written == {run.name: (root / run.name / "row.json").stat().st_mtime_ns for run in runs}


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_bench_that_is_stopped_leaves_no_lane_behind(worlds, tmp_path, sent):
    """The signal comes while a lane starts or trains; what it has begun is no row yet, and nothing is half-written."""
    (tmp_path / "cache").symlink_to(worlds)
    base(WORLDS["embedded"], worlds, 1)  # the videos are there before the signal comes
    run = plan.Planned("embedded", "weight_decay", 1, 1, True)
    timer = threading.Timer(3, os.kill, (os.getpid(), sent))
    timer.start()
    with pytest.raises(Stopped, match=sent.name):
        execute([run], tmp_path, lanes=1)
    assert multiprocessing.active_children() == []
    assert read_rows([run], tmp_path) == []


def test_public_cases_have_names_that_count():
    assert len(CASES) == 5
    assert all(case.right <= CAUSES for case in CASES)
