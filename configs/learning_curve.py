"""Would more videos help? The same experiment on a tenth, a quarter and a half of the training frames.

python launch.py --config=configs/learning_curve.py --workdir=runs/learning_curve --mode=study

Fewer frames are fewer steps an epoch, so each arm trains for as many more epochs: the data differ, not the training.
"""

from configs import small


def get_config():
    c = small.get_config()
    c.study.kind = "arms"
    c.study.replicates = 3
    c.study.arms = tuple(
        (f"share_{share:g}", (("split.train_fraction", share), ("train.epochs", round(c.train.epochs / share))))
        for share in (0.1, 0.25, 0.5)
    )
    return c
