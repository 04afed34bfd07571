"""The contract of a source of frames.

A source is a module of this folder with a function `open_source(config, cache)`, and a row in `dogjax.checks.SOURCES`.
"""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

# A file that `Source.write` may add: the format of each recording, or of its first clip (`decode.describe_recording`).
FORMATS = "recordings.json"


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of frames that was found, not yet read.

    Attributes:
      content: what the frames depend on, as plain JSON; its hash is the dataset's fingerprint.
      write: writes the frames into an empty folder with `builder.write_dataset`, and returns a sentence for each file
        that had to be left out. These sentences are kept with the dataset, so they may depend on `content` alone.
      problems: a sentence for each file that was left out already. Unless `data.on_bad_video=skip`, the first one is an
        error: a source that can have problems reads that field.
      notes: sentences that the user should read.
    """

    content: dict[str, Any]
    write: Callable[[pathlib.Path], list[str]]
    problems: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
