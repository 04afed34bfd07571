"""A folder that dogjax did not make is left as it is; one that it made is cleaned of its own remains alone."""

import errno
import fcntl
import json

import pytest

from dogjax.errors import UserError
from dogjax.train.workdir import LOCK, Workdir


def contents(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("config", [{"model_type": "bert"}, [1, 2], "text", {"data": {}}])
def test_a_folder_with_another_program_s_config_is_refused_untouched(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / ".mine.abcdefgh.tmp").touch()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/.x.abcdefgh.tmp").touch()
    before = contents(tmp_path)
    with (
        pytest.raises(UserError, match="holds files of another program; name a new or empty folder"),
        Workdir(tmp_path).locked(),
    ):
        pass
    assert contents(tmp_path) == before


def test_only_files_that_dogjax_half_wrote_are_removed(tmp_path):
    (tmp_path / LOCK).touch()
    for name in (".metrics.jsonl.k2_x9abc.tmp", ".mine.tmp", ".notes.txt.abc.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".a.abcdefgh.tmp").mkdir()
    with Workdir(tmp_path).locked():
        pass
    assert contents(tmp_path) == {LOCK, ".mine.tmp", ".notes.txt.abc.tmp", ".a.abcdefgh.tmp"}


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, number):
    def flock(*_):
        raise OSError(number, "not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match="its file system has no locks"), Workdir(tmp_path / "run").locked():
        pass
