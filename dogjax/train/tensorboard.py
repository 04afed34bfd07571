"""The curves of `metrics.jsonl` for TensorBoard."""

import pathlib
import shutil
from typing import Any

import tensorflow as tf

from dogjax.config import flatten


class TensorBoard:
    """Event files that hold each epoch once, also after a resume.

    Args:
      folder: the event files' folder; written anew.
      metrics: the epochs so far.
    """

    def __init__(self, folder: pathlib.Path, metrics: list[dict[str, Any]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = tf.summary.create_file_writer(str(folder))
        for line in metrics:
            self.write(line)

    def write(self, line: dict[str, Any]) -> None:
        """Writes every number of one epoch, named `validation/loss` and so on."""
        with self._writer.as_default():
            for name, value in flatten(line):
                if name not in ("epoch", "step"):
                    tf.summary.scalar(name.replace(".", "/"), value, step=line["epoch"])
        self._writer.flush()
