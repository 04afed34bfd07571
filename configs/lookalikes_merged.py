"""Are the two look-alikes all that is hard? They become one class.

python launch.py --config=configs/lookalikes_merged.py --workdir=runs/merged

Expected (seed 0, two x86-64 cores, 1.5 minutes): with the street never trained on, accuracy 97.6 %, where
configs/stable.py on the same fold has 89 % of three classes.
"""

from configs import stable


def get_config():
    c = stable.get_config()
    c.data.merge_labels = ("biscuit", "toffee")
    c.split.fold = 1
    return c
