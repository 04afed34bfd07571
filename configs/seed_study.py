"""Is there some form of randomness in the post's model? One stream at a time is set free, the others frozen.

python launch.py --config=configs/seed_study.py --workdir=runs/seed_study --mode=study

The baseline at half its image size and a frame every two seconds, so that 73 runs of 20 epochs end within a
quarter of an hour on two x86-64 cores.
Expected: the three controls are equal to the bit. The final accuracy has a standard deviation of 9 points with every
stream free and of 4 with one bit of one weight, the floor, from which ten runs an arm can tell no stream.
"""

from configs import baseline


def get_config():
    c = baseline.get_config()
    c.data.fps = 0.5
    c.data.image_size = 32
    c.model.kernels = (5, 3, 3)
    c.train.epochs = 20
    c.train.checkpoint_every_epochs = 5
    c.train.keep = 1
    c.study.kind = "seeds"
    c.study.streams = ("split", "init", "order", "augment", "dropout")
    c.study.replicates = 5
    c.study.bases = 2
    return c
