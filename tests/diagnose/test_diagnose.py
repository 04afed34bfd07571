"""`--mode=diagnose` on real runs: it repeats the run's curve, names what was planted, and changes nothing else."""

import html
import json
import shlex
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from dogjax.config import replace_fields
from dogjax.diagnose.causes import CAUSES
from dogjax.diagnose.diagnose import diagnose_workdir
from dogjax.diagnose.overrides import as_flags
from dogjax.diagnose.verdict import headline
from dogjax.errors import UserError
from dogjax.files import write_json
from dogjax.report.page import write_page
from dogjax.train.experiment import Experiment, build_experiment
from dogjax.train.loop import train
from dogjax.train.workdir import Workdir
from tests.data.videos import busy_pictures, write_video
from tests.train.runs import Setup, run_command

EPOCHS = 6


def files(folder):
    """Every file but those that a diagnosis writes, and the lock."""
    others = ("diagnosis.json", "branches.json", "report.html", ".dogjax.lock")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in others]
    return {path: path.read_bytes() for path in paths if path.parent.name != "gallery"}


def bytes_of_diagnosis(folder):
    return {path: path.read_bytes() for path in [folder / "diagnosis.json", *sorted(folder.glob("gallery/*"))]}


def diagnosis(folder):
    diagnose_workdir(Workdir(folder), None)
    return json.loads((folder / "diagnosis.json").read_text())


def trained(setup, folder, **fields):
    train(replace_fields(setup.config(), {"train.epochs": EPOCHS} | fields), Workdir(folder))
    return folder


@pytest.fixture(scope="module")
def lagging(setup, tmp_path_factory):
    """A run whose BatchNorm statistics lag far behind, and nothing else is wrong."""
    folder = tmp_path_factory.mktemp("lagging") / "run"
    fields = {"model.norm_momentum": 0.99, "optim.learning_rate": 0.05, "model.dense": (8, 8)}
    return trained(setup, folder, **fields)


@pytest.fixture(scope="module")
def found(lagging):
    """Its diagnosis, which has changed nothing else."""
    before = files(lagging)
    found = diagnosis(lagging)
    assert files(lagging) == before
    return found


def test_a_diagnosis_repeats_the_curve_to_the_bit(lagging, found):
    assert found["repeats"]
    metrics = [json.loads(line) for line in (lagging / "metrics.jsonl").read_text().splitlines()]
    losses = [line["validation"]["loss"] for line in metrics]
    assert found["curves"]["loss"]["as_it_was"] == pytest.approx(losses, rel=1e-12)
    precise = [line["validation"]["loss_precise_bn"] for line in metrics]
    assert found["curves"]["loss"]["batch_norm_statistics"] == pytest.approx(precise, rel=1e-12)


def test_the_switches_are_those_that_the_run_has(found):
    assert list(found["switches"]) == ["batch_norm_statistics", "last_iterate"]
    curves, alone = found["curves"]["jumping"], found["switches"]["batch_norm_statistics"]["alone"]
    assert alone == pytest.approx(1 - curves["batch_norm_statistics"] / curves["as_it_was"])
    # Averaged weights have statistics of their own, and are held against those of the last weights.
    averaged = found["switches"]["last_iterate"]["alone"]
    assert averaged == pytest.approx(1 - curves["last_iterate"] / curves["batch_norm_statistics"])
    assert curves["last_iterate"] == curves["all"]


def test_statistics_are_measured_anew_in_stages_down_to_the_clean_one(found):
    assert list(found["stages"]) == ["as_it_was", "lag", "without_dropout", "clean"]
    assert found["stages"]["clean"] == found["curves"]["jumping"]["batch_norm_statistics"]
    assert len({round(each, 9) for each in found["stages"].values()}) == 4


def test_a_stage_that_changes_nothing_is_not_there(setup, tmp_path):
    given = {"model.norm_momentum": 0.99, "optim.learning_rate": 0.05}
    found = diagnosis(trained(setup, tmp_path / "run", **given))  # nothing is dropped before a norm
    assert list(found["stages"]) == ["as_it_was", "lag", "clean"]
    assert "before a BatchNorm" in next(x["why"] for x in found["not_testable"] if x["name"] == "dropout_before_norm")


def test_every_cause_is_named_cleared_or_not_testable(found):
    named, cleared, open_ = ({each["name"] for each in found[key]} for key in ("causes", "cleared", "not_testable"))
    assert not named & cleared and not (named | cleared) & open_
    assert named | cleared | open_ == {cause.name for cause in CAUSES}
    assert all(each["evidence"] for each in found["cleared"]) and all(each["why"] for each in found["not_testable"])


def test_a_diagnosis_is_the_same_bytes_each_time(lagging, found):
    before = bytes_of_diagnosis(lagging)
    (lagging / "gallery/999999.png").write_bytes(b"of an earlier diagnosis")
    diagnosis(lagging)
    assert bytes_of_diagnosis(lagging) == before


def test_the_gallery_shows_the_frames_themselves(lagging, found):
    experiment = build_experiment(Workdir(lagging).saved_config())
    named = {picture for sheet in found["gallery"] for row in sheet["rows"] for picture in row["pictures"]}
    assert {"Hardest frames", "Most ambiguous frames", "Easiest frames"} <= {s["title"] for s in found["gallery"]}
    assert named == {f"gallery/{path.name}" for path in (lagging / "gallery").iterdir()}
    for picture in named:
        frame = int(picture.removeprefix("gallery/").removesuffix(".png"))
        shown = np.asarray(Image.open(lagging / picture))
        np.testing.assert_array_equal(shown, experiment.pipeline.images.read(np.array([frame]))[0])


def test_the_first_batch_norm_is_far_off_where_it_lags_and_nowhere_else(setup, found, tmp_path):
    fields = {"model.norm_momentum": 0.5, "optim.learning_rate": 0.001, "model.dense": (8, 8)}
    quick = trained(setup, tmp_path / "run", **fields)
    far, near = (each["batch_norm_distance"] for each in (found, diagnosis(quick)))
    assert far.keys() == near.keys()
    assert min(far["BatchNorm_0"]) > 2 * max(near["BatchNorm_0"])


def test_a_network_that_sees_no_border_is_not_accused_of_looking_there(setup, tmp_path):
    found = diagnosis(trained(setup, tmp_path / "run", **{"data.mask": "border"}))
    assert found["background"]["accuracy"] is None and "sees no border" in found["background"]["note"]


def test_an_evaluation_of_an_earlier_epoch_is_not_taken_for_the_last(setup, tmp_path):
    folder = trained(setup, tmp_path / "run", **{"train.epochs": 5})
    diagnosis(folder)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    write_page(folder)
    assert "validation accuracy" in (folder / "report.html").read_text()
    write_json(folder / "evaluation.json", evaluation | {"step": evaluation["step"] - 1})
    assert Workdir(folder).read_evaluation() is None
    write_page(folder)
    assert "validation accuracy" not in (folder / "report.html").read_text()


def test_a_leaky_split_is_named_with_its_fix(setup, tmp_path):
    found = diagnosis(trained(setup, tmp_path / "run", **{"split.strategy": "frame"}))
    leaky = next(cause for cause in found["causes"] if cause["name"] == "leaky_split")
    assert leaky["alone"] > 0.9 and leaky["fix"]["split.strategy"] in ("background", "block")
    assert "--config.split.strategy=" in found["verdict"]


def test_a_fix_works_when_it_is_pasted_into_a_shell(setup, tmp_path):
    found = diagnosis(trained(setup, tmp_path / "run", **{"split.strategy": "frame"}))
    pasted = [cause["override"] for cause in found["causes"]]
    pasted.append(as_flags({"data.merge_labels": found["confusion"]["classes"][:2]}))
    ended = setup.launch(tmp_path / "fixed", "--config.train.epochs=1", *shlex.split(" ".join(pasted)))
    assert ended.returncode == 0, ended.stderr


def test_the_study_of_the_changes_runs_when_it_is_pasted_into_a_shell(setup, found, tmp_path):
    trial = found["trial"]
    assert trial.startswith("--mode=study ")
    short = ("--config.study.replicates=2", "--config.train.epochs=1")
    ended = run_command(setup.command(tmp_path / "trial", *shlex.split(trial), *short))
    assert ended.returncode == 0, ended.stderr
    assert "'diagnosed' against 'reference', 2 pairs" in ended.stdout


def test_weights_that_are_missing_before_the_scored_epochs_are_left_out_of_the_average(lagging, tmp_path):
    shutil.copytree(lagging, tmp_path / "run")
    for epoch in (1, 2):
        (tmp_path / f"run/weights/epoch_{epoch:04d}.msgpack").unlink()
    found = diagnosis(tmp_path / "run")
    assert found["curves"]["epochs"] == list(range(3, EPOCHS + 1))
    curves = found["curves"]["loss"]
    precise = curves["batch_norm_statistics"]
    assert curves["last_iterate"][0] == precise[0] and curves["last_iterate"] != precise


def test_a_run_with_precise_statistics_has_no_such_switch_and_repeats(setup, tmp_path):
    fields = {"model.norm_momentum": 0.99, "optim.learning_rate": 0.05, "model.norm_statistics": "precise"}
    found = diagnosis(trained(setup, tmp_path / "run", **fields))
    assert list(found["switches"]) == ["last_iterate"] and found["stages"] == {}
    assert found["repeats"] and found["batch_norm_distance"] == {}


def test_an_augmented_validation_is_a_switch_of_its_own(setup, tmp_path):
    fields = {"augment.validation": True, "augment.zoom": 0.5, "augment.rotation": 90.0, "model.norm": "none"}
    found = diagnosis(trained(setup, tmp_path / "run", **fields))
    assert list(found["switches"]) == ["augmented_validation", "last_iterate"]


def test_a_run_that_has_all_but_diverged_is_said_to_have(lagging, monkeypatch):
    monkeypatch.setattr(Experiment, "precise", lambda _, variables: jax.tree.map(lambda leaf: leaf * np.nan, variables))
    with pytest.raises(UserError, match=r"logits of epoch \d+ are not finite with batch_norm_statistics changed"):
        diagnose_workdir(Workdir(lagging), None)


def test_a_diagnosis_from_the_command_line_ends_with_a_page(setup, lagging):
    ended = run_command([*setup.command(lagging)[:2], f"--workdir={lagging}", "--mode=diagnose"])
    assert ended.returncode == 0, ended.stderr
    found = json.loads((lagging / "diagnosis.json").read_text())
    page = (lagging / "report.html").read_text()
    assert html.escape(headline(found), quote=False).replace("'", "&#39;") in page
    assert all(f"<td>{each['name'].replace('_', ' ')}</td><td>cleared</td>" in page for each in found["cleared"])
    said = " ".join(ended.stdout.split())
    assert headline(found) in said and found["trial"] in ended.stdout
    assert all(f"{each['evidence']}. {each['override']}".strip() in said for each in found["causes"])
    assert all(each["why"] in said for each in found["not_testable"])


def test_one_block_of_each_class_gives_parts_without_intervals_and_no_temperature(tmp_path):
    for seed, dog in enumerate(("ash", "bea", "cole")):
        write_video(tmp_path / f"videos/{dog}/only.mp4", busy_pictures(80, seed=seed))
    clips = Setup(tmp_path / "videos", tmp_path / "cache")
    fields = {"train.epochs": 10, "split.strategy": "block", "model.norm_momentum": 0.99, "optim.learning_rate": 0.05}
    found = diagnosis(trained(clips, tmp_path / "run", **fields))
    assert list(found["switches"]) == ["batch_norm_statistics", "last_iterate"] and found["temperature"] == 1
    assert found["no_intervals"] in json.loads((tmp_path / "run/evaluation.json").read_text())["intervals"]["note"]
    assert found["no_intervals"].startswith("too few blocks for an interval: 3 of 3 classes")
    tables = (found["switches"], found["quality"])
    assert [each["interval"] for table in tables for each in table.values()] == [None] * 4
    assert [each["loss_interval"] for each in found["switches"].values()] == [None] * 2
    assert found["causes"][0]["name"] in ("batch_norm_statistics", "last_iterate")
    assert "These figures have no intervals: too few blocks" in found["verdict"]
    write_page(tmp_path / "run")
    page = (tmp_path / "run/report.html").read_text()
    shorter = diagnosis(trained(clips, tmp_path / "shorter", **fields, **{"split.block_seconds": 1.0}))
    evaluation = json.loads((tmp_path / "shorter/evaluation.json").read_text())
    assert shorter["no_intervals"] is None and shorter["switches"]["last_iterate"]["interval"]
    assert evaluation["intervals"]["groups"] == shorter["audit"]["validation"]["groups"]
    assert "Parts without intervals: too few blocks" in page and "Lines are 95 % intervals" not in page


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train.keep_weights": False}, r"the weights of the last 0 are kept; .* train.keep_weights=true"),
        ({"train.epochs": 2}, r"2 epochs are trained .* a diagnosis takes 4"),
    ],
)
def test_a_run_that_cannot_be_diagnosed_says_why(setup, tmp_path, fields, message):
    with pytest.raises(UserError, match=message):
        diagnosis(trained(setup, tmp_path / "run", **fields))


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        diagnosis(tmp_path)
