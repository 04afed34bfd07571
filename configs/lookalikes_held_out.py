"""What is a dog taken for that was never trained on? One of the look-alikes is in validation alone.

python launch.py --config=configs/lookalikes_held_out.py --workdir=runs/held_out

Expected (seed 0, two x86-64 cores, a minute; the beach is never trained on): of 150 frames of toffee 123 are taken
for biscuit, its look-alike, and 27 for pepper.
"""

from configs import stable


def get_config():
    c = stable.get_config()
    c.split.validation_only = ("toffee",)
    return c
