"""A first answer to the post: a split that cannot leak, and a curve that settles.

python launch.py --config=configs/stable.py --workdir=runs/stable

Each choice answers one cause of the baseline's jumping curve. The settings were chosen on fold 0 (the
beach is never trained on), but for the number of epochs, for which the curves of all folds were looked at;
their accuracies, `--config.split.fold=1`, 2 and 3, played no part in any choice.
Expected (seed 0, two x86-64 cores, a minute a fold): accuracy 70, 90, 68 and 70 %; the validation loss stays within
0.06 over the last ten epochs. Over five seeds: 70, 96, 67 and 78 %.
"""

from dogjax import config


def get_config():
    c = config.defaults()
    c.data.image_size = 64
    # Raw 0..255 makes the first layer's statistics, and so the early steps, far too large.
    c.data.scale = "standardise"
    # Frames a second apart are near-duplicates, and each place tells the dog: hold out a whole background.
    c.split.strategy = "background"
    c.split.folds = 4
    # What phones and dogs do: near and far, off centre, tilted, in other light. No dog hangs upside down.
    c.augment.zoom = 0.2
    c.augment.rotation = 10.0
    c.augment.width_shift = 0.1
    c.augment.height_shift = 0.1
    c.augment.brightness = (0.7, 1.3)
    c.augment.horizontal_flip = True
    # Small kernels and an average over places instead of a dense layer on each: a tenth of the parameters.
    c.model.widths = (16, 32, 64)
    c.model.kernels = (5, 3, 3)
    c.model.head = "average"
    c.model.dense = (64,)
    c.model.dropout = 0.3
    # Group norm has no running statistics that could lag behind the weights.
    c.model.norm = "group"
    # Step noise at the end of training is a learning rate that never falls, and weights that are never averaged.
    c.optim.name = "adamw"
    c.optim.learning_rate = 0.002
    c.optim.weight_decay = 0.01
    c.optim.warmup_epochs = 2.0
    c.optim.schedule = "cosine"
    c.optim.clip_norm = 1.0
    c.optim.ema_decay = 0.99
    # A few frames that are wrong with great confidence carry the loss of the look-alikes.
    c.optim.label_smoothing = 0.1
    # 1350 = 21 x 64 + 6: the last batch's six frames would move the weights as far as sixty-four do.
    c.train.drop_remainder = True
    c.train.batch_size = 64
    c.train.epochs = 40
    return c
