"""The network after every epoch, one small file each: what a diagnosis scores again."""

import pathlib
from typing import Any

import jax
from flax import serialization

from dogjax.files import replacing
from dogjax.train.state import Variables


def write_weights(workdir: pathlib.Path, epoch: int, variables: Variables) -> None:
    """Writes `weights/epoch_0001.msgpack` and so on: whole or not at all.

    Args:
      workdir: the run's folder.
      epoch: the number of finished epochs, from 1.
      variables: `params` and `batch_stats`.
    """
    with replacing(_path(workdir, epoch)) as temporary:
        temporary.write_bytes(serialization.msgpack_serialize(jax.device_get(variables)))


def read_weights(workdir: pathlib.Path, epoch: int) -> Variables:
    """The variables after `epoch` finished epochs, on the host.

    Raises:
      FileNotFoundError: that epoch has no file.
    """
    variables: Any = serialization.msgpack_restore(_path(workdir, epoch).read_bytes())
    return variables


def epochs_with_weights(workdir: pathlib.Path) -> list[int]:
    """The numbers of the epochs that have a file, in order."""
    return sorted(int(path.stem.removeprefix("epoch_")) for path in (workdir / "weights").glob("epoch_*.msgpack"))


def _path(workdir: pathlib.Path, epoch: int) -> pathlib.Path:
    return workdir / "weights" / f"epoch_{epoch:04d}.msgpack"
