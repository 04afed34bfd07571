"""Every threshold that evidence is judged by, in one file, whose hash stands in every diagnosis.

Those of today were set on an earlier bench of the embedded world. They may be set anew on the development worlds of
`bench/faults`, and never on its test worlds, each run of which is noted with this hash.
"""

from dogjax.files import sha256_of_json

# Below it a curve is calm: the loss moves by some 10 % of itself from epoch to epoch. Of 29 runs of an earlier bench,
# seeds 0 to 6, the sound ones, the augmented, the mislabelled and the overconfident had .06 at most, those with a
# learning rate too high .17 at least.
CALM = 0.1
# And one that stays within so many nats does not jump, however low it is.
CALM_NATS = 0.1
# The share of a switch is called evidence only if the interval's lower limit exceeds it, where there is an interval.
LEAST_SHARE = 0.05
# Where validation recordings are too few for an interval, a switch that takes a smaller share is no evidence: a choice,
# which was never put to the test.
LEAST_WITHOUT_INTERVAL = 0.25
# A switch that lowers the mean loss by less, at the lower end of its interval, is no evidence.
LEAST_DROP = 0.1
# Steps are long where the loss of their own batch is lowest nearer than this, in steps: four of them would end higher
# than they began. The edge of stability is at one half; the post's baseline could take two to four.
LONG_STEP = 2.0
# The last batch of an epoch is small if it has at most this share of a batch.
SMALL_TAIL = 0.25
# Predictions that are too sure by less are not listed.
TOO_SURE = 1.2
# Two classes are look-alikes if they have this share of all errors, and errors are not few.
ONE_PAIR_SHARE = 0.6
FEW_ERRORS = 0.03
# Half of an interval of the accuracy that is wide.
WIDE_INTERVAL = 0.1
# The root of the mean square of the input, 1 where it is standardised, from which on it is far too large.
RAW_INPUT = 3.0
# The share of frames with a probable label error.
LABEL_ERRORS = 0.01
# Classifiers that err more often elsewhere cannot tell a wrong label from their own error.
RIGHT_ELSEWHERE = 0.7
# The probability of another class from which on a label is probably wrong.
SURE = 0.75
# Of what is left to reach above chance, at the lower end of its interval.
ABOVE_CHANCE = 0.15
# A split leaks where so many validation frames lie within `NEAR_SECONDS` of a training frame.
LEAKY_SHARE = 0.5


def thresholds_sha256() -> str:
    """Hashes all thresholds, by name and value."""
    return sha256_of_json({name: value for name, value in globals().items() if name.isupper()})
