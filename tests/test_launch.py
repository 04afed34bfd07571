"""The command line: one plain sentence and status 2 for a mistake, and nothing half-written."""

import contextlib
import pathlib
import shutil
import signal

import pytest

import launch
from dogjax import runtime
from dogjax.errors import UserError
from dogjax.files import read_json
from dogjax.train.workdir import LOCK, Workdir
from tests.data.videos import write_sound
from tests.train.runs import LAUNCH, ROOT, run_anew, run_command, run_here

SMOKE = f"--config={ROOT}/configs/smoke.py"


def refused(*flags: str, run=run_here) -> str:
    """Runs `launch.py` with a mistake; its one sentence."""
    ended = run([*LAUNCH, *flags])
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([SMOKE], "--workdir is missing"),
        (["--workdir={w}"], "--config is missing"),
        (["--config=configs/none.py", "--workdir={w}"], "no such file"),
        ([SMOKE, "--workdir={w}", "--mode=trian"], "trian"),
        ([SMOKE, "--workdir={w}", "--wrokdir=x"], "wrokdir"),
        ([SMOKE, "{w}"], "unknown argument '"),
        (["configs/smoke.py", "--workdir={w}"], "such as --config=configs/smoke.py"),
        ([SMOKE, "--workdir={w}", "--epochs=3"], "did you mean --config.train.epochs?"),
        ([SMOKE, "--workdir={w}", "--config.optim.lr=1"], "known: name, learning_rate,"),
        ([SMOKE, "--workdir={w}", "--config.optim.learning_rat=1"], "did you mean 'learning_rate'?"),
        ([SMOKE, "--workdir={w}", "--config.optin.learning_rate=1"], "did you mean 'optim.learning_rate'?"),
        ([SMOKE, "--workdir={w}", "--config.optim.learning_rate=fast"], "learning_rate"),
        ([SMOKE, "--workdir={w}", "--config.optim.learning_rate=-1"], "optim.learning_rate"),
        ([SMOKE, "--workdir={w}", "--config.split.strategy=recoding"], "recording"),
        ([SMOKE, "--workdir={w}", "--config.model.widths=(8,)"], "kernels"),
        ([SMOKE, "--workdir={w}", "--config.data.image_size=8"], "image_size"),
        ([SMOKE, "--workdir={w}", "--config.data.source=videos"], "data.path"),
        ([SMOKE, "--workdir={w}", "--config.data.source=videos", "--config.data.path=/no/such"], "no such folder"),
        (
            [SMOKE, "--workdir={w}", "--config.data.source=tfds", "--config.data.fps=1", "--config.data.name=no_dogs"],
            "no_dogs",
        ),
        ([SMOKE, "--workdir={w}", "--mode=eval"], "holds no run"),
        ([SMOKE, "--workdir=~nobody-of-this-name/x"], "no such user"),
        ([SMOKE, "--workdir={w}", "--config.data.merge_labels=(1,2)"], "data.merge_labels"),
        ([SMOKE, "--workdir={w}", "--config.seeds.init=9223372036854775808"], "seeds.init"),
        ([SMOKE, "--workdir={w}", "--config.augment.width_shift=-3"], "augment.width_shift"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(flags, words, tmp_path):
    workdir = tmp_path / "run"
    assert words in refused(*(flag.format(w=workdir) for flag in flags))
    assert not workdir.exists() or [each.name for each in workdir.iterdir()] in ([], [LOCK])


def test_a_mistake_ends_a_process_of_its_own_with_one_sentence(tmp_path):
    assert "did you mean --config.train.epochs?" in refused(
        SMOKE, f"--workdir={tmp_path}/x", "--epochs=3", run=run_anew
    )


def test_a_mistake_that_shows_once_the_frames_are_there_is_one_sentence(setup, tmp_path):
    flags = setup.command(tmp_path / "run", "--config.data.merge_labels=('pepper',)")[len(LAUNCH) :]
    assert "'pepper' stands alone" in refused(*flags)


@pytest.mark.parametrize("body", ["return {'train': {'epochs': 1}}", "return config.Config()", "config.defaults()"])
def test_a_configuration_of_another_kind_is_one_sentence(body, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"from dogjax import config\n\ndef get_config():\n    {body}\n")
    for mode in ("train", "eval"):
        sentence = refused(f"--config={path}", f"--workdir={tmp_path}/run", f"--mode={mode}")
        assert f"--config={path}: get_config() gives a " in sentence and "config.defaults()" in sentence


@pytest.mark.parametrize("name", ["help", "h", "debug", "config.x"])
def test_a_folder_may_have_the_name_of_a_flag(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"{tmp_path}/{name}: holds no run" in refused("--workdir", name, "--mode=eval")


def test_a_run_and_a_study_keep_out_of_each_other_s_folder(tmp_path):
    (tmp_path / "run").mkdir()
    for name in (LOCK, "metrics.jsonl"):
        (tmp_path / "run" / name).touch()
    assert "holds a run; name another folder" in refused(SMOKE, f"--workdir={tmp_path}/run", "--mode=study")
    (tmp_path / "study/runs").mkdir(parents=True)
    assert "holds a study; go on with --mode=study" in refused(SMOKE, f"--workdir={tmp_path}/study")


def test_a_diagnosis_leaves_the_accelerator_to_the_run_that_is_being_trained(tmp_path, monkeypatch):
    left, workdir = [], Workdir(tmp_path / "run")
    monkeypatch.setattr(runtime, "leave_accelerators", lambda: left.append(True))
    for being_trained in (False, True):
        with workdir.locked() if being_trained else contextlib.nullcontext(), pytest.raises(UserError):
            launch._diagnose(workdir, None)  # there is no run yet
        assert bool(left) == being_trained


def test_debug_shows_where(tmp_path):
    ended = run_command([*LAUNCH, SMOKE, "--workdir=", "--debug"])
    assert ended.returncode != 0
    assert "Traceback" in ended.stderr


@pytest.fixture
def videos(setup, tmp_path) -> pathlib.Path:
    return shutil.copytree(setup.videos, tmp_path / "videos")


def empty(videos):
    (videos / "pepper/beach/rec1.mp4").write_bytes(b"")


def truncated(videos):
    clip = videos / "pepper/beach/rec1.mp4"
    clip.write_bytes(clip.read_bytes()[:3000])


def sound_alone(videos):
    write_sound(videos / "pepper/beach/rec1.mp4")


def no_video(videos):
    (videos / "pepper/beach/rec1.mp4").write_text("my dog ate it" * 100)


def duplicate(videos):
    shutil.copy(videos / "pepper/beach/rec1.mp4", videos / "pepper/beach/copy.mp4")


def dog_without_clip(videos):
    (videos / "rex").mkdir()


def labels_that_differ_in_case(videos):
    shutil.copytree(videos / "pepper", videos / "Pepper")


def path_out_of_the_folder(videos):
    (videos / "clips.csv").write_text("path,label\n../pepper.mp4,pepper\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (empty, "is empty"),
        (truncated, "is cut off"),
        (no_video, "is not a video"),
        (sound_alone, "has no video stream"),
        (duplicate, "is the same recording as"),
        (dog_without_clip, "has no clip"),
        (labels_that_differ_in_case, "differ in case"),
        (path_out_of_the_folder, "leads out of the folder"),
    ],
)
def test_bad_videos_are_one_sentence_and_leave_nothing(spoil, words, setup, videos, tmp_path):
    spoil(videos)
    data = (f"--config.data.path={videos}", f"--config.data.cache_dir={tmp_path}/cache")
    run = run_command if spoil is truncated else run_here  # one in a process of its own, to the real end
    sentence = refused(f"--config={ROOT}/tests/train/tiny.py", f"--workdir={tmp_path}/run", *data, run=run)
    assert words in sentence
    assert [each.name for each in (tmp_path / "run").iterdir()] == [LOCK]
    left = [each for each in (tmp_path / "cache").rglob("*") if not each.name.endswith(".lock")]
    assert left in ([], [tmp_path / "cache/frames"])


def test_skipped_videos_are_summed_up(setup, videos, tmp_path):
    no_video(videos)
    duplicate(videos)
    ended = setup.launch_here(
        tmp_path / "run",
        *("--mode=prepare", f"--config.data.path={videos}", "--config.data.on_bad_video=skip"),
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("left out: ") == 2


def test_names_with_spaces_and_letters_of_any_script_are_as_good_as_others(videos, setup, tmp_path):
    (videos / "pepper").rename(videos / "Mr. Pfeffer Žofie 犬")
    ended = setup.launch_here(tmp_path / "run", "--mode=prepare", f"--config.data.path={videos}")
    assert ended.returncode == 0, ended.stderr
    assert "Mr. Pfeffer Žofie 犬" in read_json(tmp_path / "run/dataset.json")["labels"]


def test_help_lists_the_modes():
    ended = run_anew([*LAUNCH, "--help"])
    assert ended.returncode == 0
    assert "train|prepare|eval" in ended.stdout


def test_max_minutes_ends_well_and_says_so(setup, tmp_path):
    ended = setup.launch_here(tmp_path / "run", "--config.train.max_minutes=0.001")
    assert ended.returncode == 0, ended.stderr
    assert "saved at step" in ended.stdout
    ended = setup.launch_here(tmp_path / "run", "--mode=eval")
    assert ended.returncode == 0, ended.stderr
    assert "validation accuracy" in ended.stdout


def test_a_signal_during_preparation_ends_with_its_status_and_leaves_nothing(setup, tmp_path):
    cache = tmp_path / "cache"

    def preparing():
        return cache.exists() and any(cache.glob("**/.*.tmp"))

    flags = (f"--config.data.cache_dir={cache}", "--config.data.source=synthetic", "--config.data.path=")
    ended = setup.launch_and_signal(tmp_path / "run", signal.SIGTERM, preparing, *flags)
    assert ended.returncode == 143, ended.stderr
    assert "the same command starts again" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert not list(cache.glob("**/.*.tmp"))


def test_real_clips_train_with_blocks_and_refuse_recordings(real_clips, tmp_path):
    data = ("--config.data.source=videos", f"--config.data.path={real_clips}/three", "--config.data.fps=10")
    data = (*data, f"--config.data.cache_dir={tmp_path}/cache", f"--workdir={tmp_path}/run")
    blocks = run_command([*LAUNCH, SMOKE, *data, "--config.split.strategy=block", "--config.train.epochs=1"])
    assert blocks.returncode == 0, blocks.stderr
    assert "Validation shares 3 recordings with training" in blocks.stdout
    recordings = (SMOKE, *data[:-1], f"--workdir={tmp_path}/other", "--config.split.strategy=recording")
    assert "has one recording, so no fold can hold it in both training and validation" in refused(*recordings)


def test_the_end_says_where_the_results_are_and_what_they_say(setup, tmp_path):
    ended = setup.launch_here(tmp_path / "run", "--config.train.epochs=1")
    assert ended.returncode == 0, ended.stderr
    assert str(tmp_path / "run") in ended.stdout
    for words in ("training loss", "validation loss", "validation accuracy", "confused"):
        assert words in ended.stdout
    assert "Traceback" not in ended.stderr
