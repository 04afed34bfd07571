"""A range test: which learning rates train at all, and from which one on does the loss jump?

python launch.py --config=configs/learning_rate.py --workdir=runs/learning_rate --mode=study

Every rate gets runs of its own, half as long as those of configs/seed_study.py, rather than one run whose rate grows
(Smith 2017, arXiv 1506.01186): what an earlier rate did to the weights is then no part of the answer.
Expected (24 runs, three seeds): 40 to 45 % up to a rate of .001, 52 to 63 % from .004 to .1; at .1 the volatility is
5.6 times that of .004.
"""

from configs import seed_study


def get_config():
    c = seed_study.get_config()
    c.split.strategy = "recording"
    c.train.epochs = 10
    c.study.kind = "arms"
    c.study.replicates = 3
    rates = (0.0001, 0.0004, 0.001, 0.01, 0.04, 0.1, 0.4)
    c.study.arms = tuple((f"rate_{rate:g}", (("optim.learning_rate", rate),)) for rate in rates)
    return c
