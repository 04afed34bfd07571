"""The embedded videos: rendered once into the cache, then read like a user's own."""

import pathlib

from tqdm import tqdm

from dogjax.config import DataConfig
from dogjax.data.cache import locked
from dogjax.data.sources import videos
from dogjax.data.sources.source import Source
from dogjax.files import replacing_folder
from dogjax.world import film


def open_source(config: DataConfig, cache: pathlib.Path) -> Source:
    """Opens the embedded videos; renders them where they are not in `cache`."""
    return videos.open_folder(render(cache), config)


def render(cache: pathlib.Path) -> pathlib.Path:
    """Returns the folder of the embedded videos, rendered if they are not there."""
    root = cache / f"synthetic-{film.VERSION}"
    with locked(root):
        if not root.exists():
            total = len(film.world())
            with (
                replacing_folder(root) as temporary,
                tqdm(total=total, desc="rendering clips", unit=" clips", disable=None) as bar,
            ):
                film.render_clips(temporary, bar.update)
    return root
