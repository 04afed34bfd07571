"""A run that is killed and started again ends with the bits of one that was not."""

import signal

import numpy as np
import pytest

from tests.train.runs import epochs_done, outcome, result


@pytest.fixture(scope="module")
def undisturbed(setup, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    ended = setup.launch(workdir)
    assert ended.returncode == 0, ended.stderr
    return outcome(workdir)


def saving(workdir):
    """Whether Orbax is writing a checkpoint at this moment: its folder still has the temporary name."""
    latest = workdir / "checkpoints/latest"
    return latest.exists() and any("tmp" in each.name for each in latest.iterdir())


@pytest.mark.slow
def test_killed_before_the_first_step_between_epochs_and_during_a_save(setup, undisturbed, tmp_path):
    workdir = tmp_path / "run"
    points = (
        lambda: (workdir / "checkpoints").exists(),
        lambda: epochs_done(workdir) >= 1,
        lambda: epochs_done(workdir) >= 2 and saving(workdir),
    )
    for when in points:
        assert setup.launch_and_signal(workdir, signal.SIGKILL, when).returncode == -signal.SIGKILL
    assert setup.launch(workdir).returncode == 0
    assert outcome(workdir) == undisturbed


@pytest.mark.slow
def test_killed_at_random_moments_until_done(setup, undisturbed, tmp_path):
    workdir, generator, deaths = tmp_path / "run", np.random.default_rng(0), 0
    while not (workdir / "result.json").exists() or result(workdir)["status"] != "finished":
        # After some line has been added to the metrics, or none, and a moment more: anywhere in an epoch.
        looks = iter(range(int(generator.integers(1, 60))))
        goal = epochs_done(workdir) + int(generator.integers(2))
        ended = setup.launch_and_signal(
            workdir,
            signal.SIGKILL,
            lambda goal=goal, looks=looks: (
                (workdir / "checkpoints").exists() and epochs_done(workdir) >= goal and next(looks, None) is None
            ),
        )
        deaths += ended.returncode == -signal.SIGKILL
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        if deaths == 6:
            assert setup.launch(workdir).returncode == 0
    assert deaths
    assert outcome(workdir) == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_says_so_and_ends_with_its_status(setup, undisturbed, tmp_path, number, status):
    workdir = tmp_path / "run"
    ended = setup.launch_and_signal(workdir, number, lambda: epochs_done(workdir) >= 1)
    assert ended.returncode == status
    assert "saved at step" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert result(workdir)["status"] == "stopped"
    assert setup.launch(workdir).returncode == 0
    assert outcome(workdir) == undisturbed
