"""A study that is killed, stopped or cut into shards ends with the same files."""

import json
import signal

from tests.study.studies import STUDY, files, flags, study_of
from tests.train.launched import Launched
from tests.train.runs import epochs_done, run_command


def epochs_of(folder):
    """Epochs that all runs of a study have behind them."""
    return sum(map(epochs_done, folder.glob("runs/*")))


def test_a_study_killed_several_times_ends_with_the_same_files(setup, finished, tmp_path):
    folder = tmp_path / "killed"
    command = setup.command(folder, "--mode=study", *flags(STUDY))
    for epochs in (1, 9):
        with Launched(command) as study:
            study.send_when(lambda epochs=epochs: epochs_of(folder) >= epochs, signal.SIGKILL)
            study.end()
    ended = run_command(command)
    assert ended.returncode == 0, ended.stderr
    assert files(folder) == files(finished)
    assert json.loads((folder / "study.json").read_text())["verdict"] in " ".join(ended.stdout.split())
    assert (folder / "report.html").exists()


def test_shards_in_processes_of_their_own_give_the_same_study(setup, finished, tmp_path):
    folder = tmp_path / "shards"
    study_of(setup, folder, **{"study.submit": "local", "study.shards": 2})
    assert files(folder) == files(finished)


def test_a_control_that_diverges_stops_the_study_and_says_so(setup, tmp_path):
    hot = STUDY | {"optim.learning_rate": 1e30}
    for _ in range(2):  # a queue may start it again
        ended = setup.launch_here(tmp_path / "study", "--mode=study", *flags(hot))
        assert ended.returncode == 2, ended.stderr
        assert (
            "control-0-000: the control, which is the experiment as it is, diverged: the training loss is"
            in (ended.stderr.splitlines()[-1])
        )
        assert "at step 1 (epoch 1); lower optim.learning_rate" in ended.stderr and "Traceback" not in ended.stderr


def test_a_study_that_is_stopped_says_so_and_goes_on(setup, finished, tmp_path):
    folder = tmp_path / "stopped"
    command = setup.command(folder, "--mode=study", *flags(STUDY))
    for number, epochs in ((signal.SIGINT, 5), (signal.SIGTERM, 9)):
        with Launched(command) as study:
            study.send_when(lambda epochs=epochs: epochs_of(folder) >= epochs, number)
            ended = study.end()
        assert (ended.returncode, ended.stderr.count("Traceback")) == ({2: 130, 15: 143}[number], 0), ended
        assert "the same command" in ended.stdout
    ended = run_command(command)
    assert ended.returncode == 0, ended.stderr
    assert files(folder) == files(finished)
