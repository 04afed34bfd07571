"""One finished study that the tests of this folder share."""

import pytest

from dogjax.study import execute
from tests.study.studies import stop_half_way, study_of


@pytest.fixture(scope="session")
def finished(setup, tmp_path_factory):
    """A study that was left alone; a test that changes it copies it first."""
    folder = tmp_path_factory.mktemp("study") / "study"
    study_of(setup, folder)
    return folder


@pytest.fixture
def without_a_child(monkeypatch):
    """The control's run is stopped in this process, not killed in one of its own, which takes seconds to start."""
    monkeypatch.setattr(execute, "_kill_once", stop_half_way)
