"""Would more videos help? The same experiment on fewer of each dog's nine training videos, or of their frames.

python launch.py --config=configs/learning_curve.py --workdir=runs/learning_curve --mode=study

If an arm of frames keeps the accuracy that the arm of as many frames in fewer videos loses, it is videos that are
needed, not a higher frame rate. Fewer frames are fewer steps an epoch, so each arm trains for as many more epochs: the
data differ, not the training.
"""

from configs import small

VIDEOS = 9


def get_config():
    c = small.get_config()
    c.study.kind = "arms"
    c.study.replicates = 6
    c.study.arms = tuple(
        (
            f"{unit}_{videos}_of_{VIDEOS}",
            ((field, videos / VIDEOS), ("train.epochs", round(c.train.epochs * VIDEOS / videos))),
        )
        for unit, field in (("videos", "split.train_recordings"), ("frames", "split.train_fraction"))
        for videos in (1, 3, 6)
    )
    return c
