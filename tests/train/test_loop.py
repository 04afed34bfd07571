"""A run in one process: same bits, whole files, honest refusals."""

import json
import os
import shutil
import signal

import jax
import numpy as np
import pytest
from tensorflow.core.util import event_pb2
from tensorflow.data import TFRecordDataset

from dogjax.config import replace_fields
from dogjax.errors import UserError
from dogjax.eval.metrics import score_frames
from dogjax.eval.predictions import read_predictions
from dogjax.files import read_json
from dogjax.train.experiment import CLEAN_FRAMES, Experiment, build_experiment
from dogjax.train.loop import DISPATCHES_UNDER_WAY, Replicas
from dogjax.train.run import evaluate_workdir
from dogjax.train.state import read_weights
from dogjax.train.workdir import LOCK, Workdir
from tests.train.runs import epochs_done, outcome, result


@pytest.fixture(scope="module")
def finished(setup, tmp_path_factory):
    """A run that went through without a break."""
    workdir = tmp_path_factory.mktemp("finished") / "run"
    setup.train(workdir)
    return workdir


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run, to do damage to."""
    return shutil.copytree(finished, tmp_path / "run")


def test_two_runs_are_equal_to_the_bit(setup, finished, tmp_path):
    setup.train(tmp_path / "again")
    assert outcome(tmp_path / "again") == outcome(finished)


def test_a_run_whose_steps_are_sent_at_once_has_the_same_bits(setup, finished, tmp_path, monkeypatch):
    monkeypatch.setattr("dogjax.train.loop.steps_at_once", lambda _: 3)
    setup.train(tmp_path / "at_once")
    assert outcome(tmp_path / "at_once") == outcome(finished)


def test_the_host_waits_for_the_device_before_batches_pile_up_there(setup, tmp_path, monkeypatch):
    waited, wait = [], jax.block_until_ready
    monkeypatch.setattr("dogjax.train.loop.jax.block_until_ready", lambda losses: waited.append(losses) or wait(losses))
    setup.train(tmp_path / "run", train__epochs=1)
    assert len(waited) == result(tmp_path / "run")["step"] - DISPATCHES_UNDER_WAY


def test_precise_statistics_change_what_is_evaluated_and_nothing_that_is_trained(setup, finished, tmp_path):
    precise = tmp_path / "precise"
    setup.train(precise, model__norm_statistics="precise")
    of_running, of_precise = (Workdir(each).read_metrics() for each in (finished, precise))
    assert [line["train"] for line in of_precise] == [line["train"] for line in of_running]
    losses = [line["validation"]["loss"] for line in of_precise]
    assert losses == [line["validation"]["loss_precise_bn"] for line in of_running]
    assert losses == [line["validation"]["loss_precise_bn"] for line in of_precise]
    assert result(precise)["state_sha256"] == result(finished)["state_sha256"]
    assert (
        read_json(precise / "evaluation.json")["loss"] == losses[-1] != read_json(finished / "evaluation.json")["loss"]
    )
    before = (precise / "evaluation.json").read_bytes()
    evaluate_workdir(Workdir(precise), None)
    assert (precise / "evaluation.json").read_bytes() == before


def test_every_file_of_the_design_is_written(finished):
    names = {each.name for each in finished.iterdir()} - {LOCK}
    assert names == {
        *("checkpoints", "config.json", "dataset.json", "environment.json", "evaluation.json", "metrics.jsonl"),
        *("predictions", "progress.jsonl", "result.json", "split.json", "tensorboard", "weights"),
    }


def test_metrics_name_their_numbers_as_promised(finished):
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    steps = lines[0]["step"]
    assert [line["step"] for line in lines] == [steps, 2 * steps, 3 * steps, 4 * steps]
    assert set(lines[0]) == {"epoch", "step", "train", "train_clean", "validation", "constant_loss"}
    assert set(lines[0]["train"]) == {"loss", "accuracy"}
    assert set(lines[0]["train_clean"]) == {"loss", "accuracy", "loss_precise_bn"}
    assert set(lines[0]["validation"]) == {
        "loss",
        "accuracy",
        "loss_precise_bn",
        "commonest",
        "by_label",
        "by_background",
    }
    assert set(lines[0]["validation"]["by_label"]) == {"biscuit", "pepper", "toffee"}


def test_an_epoch_is_scored_on_the_same_clean_training_frames_every_time(setup, finished):
    experiment = build_experiment(setup.config())
    frames, lines = experiment.clean_training, Workdir(finished).read_metrics()
    assert 0 < len(frames) <= CLEAN_FRAMES and len(set(frames.frame_id)) == len(frames)
    assert set(frames.frame_id) <= set(experiment.table.frame_id[experiment.split.train])
    numbers = {name: number for number, name in enumerate(experiment.table.frame_id)}
    images = experiment.pipeline.images.read(np.array([numbers[name] for name in frames.frame_id]))
    scaled = (images - experiment.pipeline.scaling.shift) / experiment.pipeline.scaling.scale
    for line in lines:
        network = experiment.devices.replicate(read_weights(finished, line["epoch"]))
        logits, precise = experiment.clean_training_logits(network, experiment.precise(network))
        # From the pixels on: the frames are not augmented, and dropout is off.
        alone = experiment.program.network.apply(network, scaled, dropout=False, batch_statistics=False)
        np.testing.assert_allclose(logits, alone, rtol=1e-3, atol=1e-4)
        scores, of_precise = score_frames(logits, frames.label), score_frames(precise, frames.label)
        assert line["train_clean"] == {
            "loss": scores.loss,
            "accuracy": scores.accuracy,
            "loss_precise_bn": of_precise.loss,
        }


def test_a_line_tells_how_one_sided_the_predictions_are_and_what_a_constant_answer_would_lose(setup, finished):
    experiment = build_experiment(setup.config())
    for line in Workdir(finished).read_metrics():
        calls = read_predictions(finished, line["epoch"]).logits.argmax(axis=1)
        assert line["validation"]["commonest"] == max(np.bincount(calls)) / len(calls)
        labels = experiment.table.label[experiment.split.train]
        shares = np.bincount(labels) / len(labels)
        assert line["constant_loss"] == pytest.approx(-np.log(shares[experiment.validation.label]).mean())


def test_no_constant_answer_is_right_of_a_class_that_was_never_trained_on(setup):
    experiment = build_experiment(replace_fields(setup.config(), {"split.validation_only": ("pepper",)}))
    assert experiment.constant_loss is None


def test_predictions_explain_the_metrics_of_every_epoch(finished):
    split = read_json(finished / "split.json")
    for line in (finished / "metrics.jsonl").read_text().splitlines():
        metrics = json.loads(line)
        stored = read_predictions(finished, metrics["epoch"])
        assert list(stored.frame_id) == split["validation"]
        assert np.mean(stored.logits.argmax(1) == stored.label) == metrics["validation"]["accuracy"]


def test_a_clock_goes_into_no_file_that_must_not_change(finished):
    for name in ("metrics.jsonl", "result.json", "evaluation.json", "split.json", "config.json"):
        assert "time" not in (finished / name).read_text().replace("time_", "")
    assert "frames_per_second" in (finished / "progress.jsonl").read_text()


def test_tensorboard_holds_the_curves(finished):
    events = [
        event_pb2.Event.FromString(record.numpy())
        for path in sorted((finished / "tensorboard").iterdir())
        for record in TFRecordDataset(str(path))
    ]
    points = [(value.tag, event.step) for event in events for value in event.summary.value]
    assert [step for tag, step in points if tag == "validation/loss"] == [1, 2, 3, 4]


def test_a_finished_run_is_left_as_it_is(setup, copied):
    before = outcome(copied)
    setup.train(copied)
    assert outcome(copied) == before


def test_more_epochs_go_on_from_the_last_and_equal_one_long_run(setup, copied, tmp_path):
    setup.train(copied, train__epochs=6)
    setup.train(tmp_path / "long", train__epochs=6)
    assert outcome(copied) == outcome(tmp_path / "long")


def test_fewer_epochs_are_refused(setup, copied):
    with pytest.raises(UserError, match=r"train.epochs \(was 4, now 2\)"):
        setup.train(copied, train__epochs=2)


def test_more_epochs_are_refused_where_the_schedule_would_have_been_another(setup, tmp_path):
    setup.train(tmp_path / "run", train__epochs=1, optim__schedule="cosine")
    with pytest.raises(UserError, match="cosine"):
        setup.train(tmp_path / "run", train__epochs=2, optim__schedule="cosine")


def test_another_configuration_is_refused_with_every_field_that_differs(setup, copied):
    with pytest.raises(UserError) as refused:
        setup.train(copied, optim__learning_rate=0.5, model__dropout=0.0)
    assert "optim.learning_rate (was 0.01, now 0.5)" in str(refused.value)
    assert "model.dropout (was 0.3, now 0.0)" in str(refused.value)


def test_what_cannot_change_a_bit_may_change(setup, copied):
    before = outcome(copied)
    setup.train(copied, train__keep=1, train__max_minutes=9.0)
    assert outcome(copied) == before


def test_other_videos_are_refused(setup, copied, tmp_path):
    shutil.copytree(setup.videos, tmp_path / "videos")
    (tmp_path / "videos/pepper/beach/rec1.mp4").unlink()
    before = contents(copied)
    with pytest.raises(UserError, match="the frames or their split are not those"):
        setup.train(copied, data__path=str(tmp_path / "videos"))
    with pytest.raises(UserError, match="the frames or their split are not those"):
        evaluate_workdir(Workdir(copied), setup.config(data__path=str(tmp_path / "videos")))
    assert contents(copied) == before


def test_videos_that_were_moved_are_the_same_videos(setup, copied, tmp_path):
    before = outcome(copied)
    shutil.copytree(setup.videos, tmp_path / "moved")
    setup.train(copied, data__path=str(tmp_path / "moved"))
    evaluate_workdir(Workdir(copied), setup.config(data__path=str(tmp_path / "moved")))
    assert outcome(copied) == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(setup, copied, damage, capsys):
    before = outcome(copied)
    newest = max((copied / "checkpoints/latest").iterdir(), key=lambda each: int(each.name))
    for file in [each for each in newest.rglob("*") if each.is_file() and each.parent.name == "d"]:
        spoil(file, damage)
    setup.train(copied)
    assert "is damaged" in capsys.readouterr().out
    assert outcome(copied) == before
    assert (copied / "checkpoints/damaged" / newest.name).is_dir()


def spoil(file, damage):
    content = bytearray(file.read_bytes())
    if damage == "remove":
        file.unlink()
    elif damage == "truncate":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content)


def test_no_sound_checkpoint_is_said_and_nothing_is_trained_over_it(setup, copied):
    for file in (copied / "checkpoints/latest").rglob("d/*"):
        file.write_bytes(b"")
    before = contents(copied)
    for _ in range(2):  # a queue may start it again
        with pytest.raises(UserError, match="no sound checkpoint is left"):
            setup.train(copied)
    assert contents(copied) == before


def test_the_best_checkpoint_is_kept_apart(finished):
    best = result(finished)["validation"]["best"]
    steps = result(finished)["step"] // result(finished)["epoch"]
    assert [each.name for each in (finished / "checkpoints/best").iterdir()] == [str(best["epoch"] * steps)]
    assert len(list((finished / "checkpoints/latest").iterdir())) == 3


def test_a_loss_that_is_not_finite_stops_and_names_the_batch(setup, tmp_path):
    with pytest.raises(UserError, match=r"the last good checkpoint|no checkpoint"):
        setup.train(tmp_path / "run", optim__learning_rate=1e30, model__norm="none")
    report = read_json(tmp_path / "run/nonfinite.json")
    assert result(tmp_path / "run")["status"] == "diverged"
    assert set(report["frames"]) <= set(read_json(tmp_path / "run/split.json")["train"])
    assert len(report["frames"]) == 8


def test_measured_statistics_that_are_not_finite_end_a_run_too(setup, tmp_path, monkeypatch):
    monkeypatch.setattr(Experiment, "precise", lambda _, variables: jax.tree.map(lambda leaf: leaf * np.nan, variables))
    with pytest.raises(UserError, match="with BatchNorm's statistics measured anew are not finite"):
        setup.train(tmp_path / "run", model__norm="batch")
    assert result(tmp_path / "run")["status"] == "diverged"


class Late:
    """Losses that have not arrived when somebody asks."""

    def __init__(self, losses):
        self.losses = losses

    def is_ready(self):
        return False

    def __len__(self):
        return len(self.losses)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.losses)


@pytest.mark.parametrize("rate", [1e30, 1e38])  # the next loss is not finite; nor is a parameter
def test_a_diverging_run_ends_with_the_same_result_however_fast_it_was_looked_at_or_stopped(
    setup, tmp_path, monkeypatch, rate
):
    hot = {"optim__learning_rate": rate, "model__norm": "none"}
    take_steps = Replicas.steps

    def in_time(*arguments):
        return jax.block_until_ready(take_steps(*arguments))

    def late(*arguments):
        states, losses = take_steps(*arguments)
        return states, list(map(Late, losses))

    def stopped(*arguments):
        taken = take_steps(*arguments)
        os.kill(os.getpid(), signal.SIGTERM)
        return taken

    for steps in (in_time, late):
        monkeypatch.setattr(Replicas, "steps", steps)
        with pytest.raises(UserError, match="the training loss is"):
            setup.train(tmp_path / steps.__name__, **hot)
    monkeypatch.setattr(Replicas, "steps", stopped)
    with pytest.raises(UserError, match=r"is not finite|the training loss is"):
        setup.train(tmp_path / "stopped", **hot)
        monkeypatch.setattr(Replicas, "steps", take_steps)
        setup.train(tmp_path / "stopped", **hot)
    ended = result(tmp_path / "in_time")
    assert (ended["status"], ended["epoch"], ended["state_sha256"]) == ("diverged", 0, None)
    assert ended["step"] == read_json(tmp_path / "in_time/nonfinite.json")["step"]
    assert ended == result(tmp_path / "late") == result(tmp_path / "stopped")


def test_max_minutes_stops_and_the_same_command_goes_on(setup, finished, tmp_path):
    workdir = tmp_path / "run"
    for _ in range(60):
        setup.train(workdir, train__max_minutes=0.004)
        if result(workdir)["status"] == "finished":
            break
        assert result(workdir)["status"] == "stopped"
    else:
        setup.train(workdir)
    assert outcome(workdir) == outcome(finished)


def test_only_one_process_works_in_a_folder(setup, copied):
    with Workdir(copied).locked(), pytest.raises(UserError, match="another process is at work"):
        setup.train(copied)


def test_what_a_killed_process_left_half_written_is_cleared_and_a_cache_in_the_folder_is_not(setup, copied):
    before = outcome(copied)
    (copied / ".metrics.jsonl.abcdefgh.tmp").write_text("{")
    (copied / "predictions/.epoch_0001.npz.abcdefgh.tmp").write_bytes(b"")
    (copied / "cache/frames/.other.x.tmp").mkdir(parents=True)
    setup.train(copied)
    assert outcome(copied) == before
    left = {each.relative_to(copied).as_posix() for each in copied.rglob(".*.tmp")}
    assert left == {"cache/frames/.other.x.tmp"}


def test_a_folder_of_other_files_is_left_alone(setup, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds files of another program"):
        setup.train(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_eval_gives_the_evaluation_again(copied):
    before = (copied / "evaluation.json").read_bytes()
    (copied / "evaluation.json").unlink()
    evaluate_workdir(Workdir(copied), None)
    assert (copied / "evaluation.json").read_bytes() == before


def test_eval_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        evaluate_workdir(Workdir(tmp_path), None)


@pytest.mark.parametrize(
    "overrides",
    [
        {"model__norm": "group", "optim__name": "adamw", "optim__weight_decay": 0.1, "optim__schedule": "cosine"},
        {"optim__ema_decay": 0.9, "optim__accumulate": 2, "optim__clip_norm": 1.0, "model__head": "average"},
        {"model__dtype": "bfloat16", "optim__loss": "focal", "data__scale": "standardise", "augment__validation": True},
    ],
)
def test_other_settings_resume_to_the_same_bits(setup, tmp_path, overrides):
    setup.train(tmp_path / "whole", train__epochs=2, **overrides)
    part = tmp_path / "part"
    setup.train(part, train__epochs=2, train__max_minutes=0.001, **overrides)
    setup.train(part, train__epochs=2, **overrides)
    assert outcome(part) == outcome(tmp_path / "whole")


def test_checkpoints_of_steps_beyond_the_metrics_are_not_trusted(setup, copied):
    before = outcome(copied)
    lines = (copied / "metrics.jsonl").read_text().splitlines(keepends=True)
    (copied / "metrics.jsonl").write_text("".join(lines[:2]))
    setup.train(copied)
    assert outcome(copied) == before
    assert epochs_done(copied) == 4


def test_a_best_checkpoint_that_a_kill_prevented_is_made_up_for(setup, copied):
    best = result(copied)["validation"]["best"]["epoch"]
    lines = (copied / "metrics.jsonl").read_text().splitlines(keepends=True)
    (copied / "metrics.jsonl").write_text("".join(lines[:best]))
    shutil.rmtree(copied / "checkpoints/best")
    before = outcome(copied)[:2]
    setup.train(copied)
    assert outcome(copied)[:2] == before
    assert [each.name for each in (copied / "checkpoints/best").iterdir()] == [str(best * result(copied)["step"] // 4)]


def test_the_step_is_traced_once_for_each_size_of_batch(setup):
    experiment = build_experiment(setup.config(model__dense=(9,)))  # shares its functions with no other test
    run = experiment.initial_state()
    for step, batch in enumerate(experiment.pipeline.train_batches(0, 2 * experiment.pipeline.steps_per_epoch)):
        key, numbers = experiment.streams.key("dropout"), experiment.numbers(step, 1)
        run, _ = experiment.program.train_steps(run, [batch["image"]], [batch["label"]], key, numbers)
    sizes = 1 if len(experiment.split.train) % 8 == 0 else 2
    assert experiment.program.train_steps._cache_size() == sizes
