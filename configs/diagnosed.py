"""Do the fixes that the baseline's diagnosis names calm its curve? Both together, trained anew over six seeds.

python launch.py --config=configs/diagnosed.py --workdir=runs/diagnosed --mode=study

The street is never trained on. Forty epochs, for the twelve runs to end within half an hour on two x86-64 cores.
"""

from configs import baseline


def get_config():
    c = baseline.get_config()
    c.split.strategy = "background"
    c.split.fold = 1
    c.train.epochs = 40
    c.train.checkpoint_every_epochs = 5
    c.train.keep = 1
    c.study.kind = "arms"
    c.study.replicates = 6
    c.study.arms = (("diagnosed", (("optim.ema_decay", 0.99), ("model.norm_momentum", 0.9))),)
    return c
