"""The post: a small Keras CNN whose validation loss jumps and never settles.

python launch.py --config=configs/baseline.py --workdir=runs/baseline

Expected (seed 0, two x86-64 cores, 3 minutes): training loss about 0.1; validation loss between 0.09 and 5.8
over the last 50 epochs. How far it leaps differs from one processor to another.

Every setting is the post's, or Keras's default where the post names none. The post does not state its
image size.
"""

from dogjax import config


def get_config():
    c = config.defaults()
    c.data.image_size = 64
    c.data.scale = "raw"  # 0..255, as the images came
    c.split.strategy = "frame"  # a random quarter of the frames: ImageDataGenerator's validation_split
    c.split.folds = 4
    c.augment.zoom = 0.2
    c.augment.horizontal_flip = True
    c.augment.vertical_flip = True
    c.augment.validation = True  # one ImageDataGenerator augments both subsets
    c.model.widths = (16, 32, 32)
    c.model.kernels = (11, 5, 3)
    c.model.dense = (512, 256)
    c.model.dropout = 0.3
    c.model.norm = "batch"
    c.model.norm_momentum = 0.99
    c.optim.name = "sgd"
    c.optim.learning_rate = 0.004
    c.train.batch_size = 64
    c.train.epochs = 100
    return c
