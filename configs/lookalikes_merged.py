"""Are the two look-alikes all that is hard? They become one class.

python launch.py --config=configs/lookalikes_merged.py --workdir=runs/merged

Expected (seed 0, two x86-64 cores, a minute): with the street never trained on, accuracy 99.8 %, where
configs/stable.py on the same fold has 90 % of three classes.
"""

from configs import stable


def get_config():
    c = stable.get_config()
    c.data.merge_labels = ("biscuit", "toffee")
    c.split.fold = 1
    return c
