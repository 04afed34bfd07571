"""How much capacity does it take? From a linear probe, one block and one layer at a time, past the post's network.

python launch.py --config=configs/ladder.py --workdir=runs/ladder --mode=study

Read it by the one-standard-error rule (Breiman et al. 1984): the smallest network within one standard error of the
best is enough.
Expected (21 runs, three seeds): linear 33 % and one block 36 %, chance being 33 %; two blocks 60 %, three 85 %, the
post's network 74 %. Three blocks without a dense layer are enough.
"""

from configs import small


def get_config():
    c = small.get_config()
    c.study.kind = "arms"
    c.study.replicates = 3
    rungs = {
        "linear": ((), (), ()),
        "block_1": ((16,), (5,), ()),
        "blocks_2": ((16, 32), (5, 3), ()),
        "blocks_3": ((16, 32, 64), (5, 3, 3), ()),
        # Between them stands the experiment as it is: three blocks and a dense layer of 64.
        "wide": ((32, 64, 128), (5, 3, 3), (128,)),
    }
    arms = [
        (name, (("model.widths", widths), ("model.kernels", kernels), ("model.dense", dense)))
        for name, (widths, kernels, dense) in rungs.items()
    ]
    post = (("model.widths", (16, 32, 32)), ("model.head", "flatten"), ("model.dense", (512, 256)))
    c.study.arms = (*arms, ("post", post))
    return c
