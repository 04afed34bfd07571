"""Would more videos help? The same experiment on fewer of each dog's nine training videos, or of their frames.

python launch.py --config=configs/learning_curve.py --workdir=runs/learning_curve --mode=study

If an arm of frames keeps the accuracy that the arm of as many frames in fewer videos loses, it is videos that are
needed, not a higher frame rate. A dog with one video was seen in one place alone, which is a part of the answer.

Fewer frames are fewer steps an epoch, so each arm trains for as many more epochs, and its warm-up lasts as long: 225 to
266 steps, against 250, and is compared on the study's clock.
Expected (42 runs, six seeds): 71 % with all nine videos, 70 with six, 65 with three, 40 with one; with a ninth of the
frames of all nine 71 %.
"""

from configs import small

VIDEOS = 9


def get_config():
    c = small.get_config()
    c.study.kind = "arms"
    c.study.replicates = 6
    c.study.arms = tuple(
        (f"{unit}_{videos}_of_{VIDEOS}", _arm(c, field, VIDEOS / videos))
        for unit, field in (("videos", "split.train_recordings"), ("frames", "split.train_fraction"))
        for videos in (1, 3, 6)
    )
    return c


def _arm(c, field, fewer):
    longer = (("train.epochs", round(c.train.epochs * fewer)), ("optim.warmup_epochs", c.optim.warmup_epochs * fewer))
    return ((field, 1 / fewer), *longer)
