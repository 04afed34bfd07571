"""Three epochs of a tiny network at one frame every five seconds: does everything work?

python launch.py --config=configs/smoke.py --workdir=runs/smoke

Expected: it ends within a minute, the rendering of the embedded clips included, with a training loss below 1.2.
"""

from dogjax import config


def get_config():
    c = config.defaults()
    c.data.fps = 0.2
    c.data.image_size = 32
    c.split.strategy = "recording"
    c.augment.zoom = 0.2
    c.augment.horizontal_flip = True
    c.model.widths = (8, 8)
    c.model.kernels = (5, 3)
    c.model.dense = (16,)
    c.optim.learning_rate = 0.01
    c.train.batch_size = 32
    c.train.epochs = 3
    return c
