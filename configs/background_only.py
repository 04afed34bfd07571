"""Does the background tell the dog? The middle of every frame, where the dog is, is hidden.

python launch.py --config=configs/background_only.py --workdir=runs/background_only

With `--config.data.mask=border` the network sees the middle alone.
"""

from configs import stable


def get_config():
    c = stable.get_config()
    c.data.mask = "middle"
    c.split.fold = 1
    return c
