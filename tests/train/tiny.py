"""A network that trains in a second, for tests: `--config=tests/train/tiny.py`, with `data.path` given."""

from dogjax import config


def get_config():
    c = config.defaults()
    c.data.source = "videos"
    c.data.fps = 2.0
    c.data.image_size = 16
    c.split.strategy = "recording"
    c.split.folds = 2
    c.augment.zoom = 0.2
    c.augment.horizontal_flip = True
    c.model.widths = (4,)
    c.model.kernels = (3,)
    c.model.dense = (8,)
    c.optim.learning_rate = 0.01
    c.train.batch_size = 8
    c.train.epochs = 4
    return c
