"""Every threshold that evidence is judged by, in one file, whose hash stands in every diagnosis.

Those of today were set on an earlier bench of the embedded world. They may be set anew on the development worlds of
`bench/faults`, and never on its test worlds, each run of which is noted with this hash.
"""

from dogjax.files import sha256_of_json

# Below it a curve is calm: around a smooth fall the loss moves by less than 10 % of itself from epoch to epoch.
CALM = 0.1
# And one that stays within so many nats does not jump, however low it is.
CALM_NATS = 0.1
# The part of the jumping that goes with one switch alone is evidence only if its interval's lower limit exceeds this.
LEAST_ALONE = 0.05
# Where validation groups are too few for an interval, a smaller part is no evidence: a choice, never put to the test.
LEAST_WITHOUT_INTERVAL = 0.25
# What alone takes more than this takes most: what it leaves is no question any more.
MOST = 0.5
# Branches say nothing of a curve that jumps farther than the epoch from which they start: its noise must be at least
# this part of the jumping. At the end of a schedule the rate has often fallen to nothing.
LEAST_NOISE = 0.25
# A branch is evidence if it surely makes less noise, and takes at least this part of all the noise of an epoch.
LEAST_BRANCH = 0.25
# Or, of the learning rate, if it surely lowers the loss by at least this part of it.
LEAST_LOWER = 0.2
# A switch that lowers the mean loss by less, at the lower end of its interval, is no evidence.
LEAST_LOSS = 0.1
# Where so much of BatchNorm's stored averages is still their initial value, that is what is said of them.
INITIAL_LEFT = 0.1
# Steps are long where the loss of their own batch is lowest nearer than this, in steps: four of them would end higher
# than they began. The edge of stability is at one half; the post's baseline could take two to four.
LONG_STEP = 2.0
# A batch of fewer frames is small: Keras and others begin with as many.
SMALL_BATCH = 32
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
# And its standard deviation below which it is all but constant.
CONSTANT_INPUT = 0.1
# A network has learnt nothing that names no more than this part of the training frames that are not of the commonest
# class, and whose loss on clean training frames is this part of a constant answer's, or more.
ABOVE_MAJORITY = 0.15
NOTHING_LEARNT = 0.95
# Logits that vary less over frames are the same for every frame.
SAME_OUTPUT = 1e-3
# A network has learnt little where its loss on clean training frames is more than this part of a constant answer's.
# Two of the first 13 sound runs of the development worlds, whose variations learn slowly, reach .60 and .72.
LITTLE_LEARNT = 0.8
# A training loss whose mean over the last epochs lies lower by more than that over as many before is still falling.
STILL_FALLING = 0.05
# Overfitting: validation loses so many nats more than clean training frames, and so much more than at its best. A gap
# alone tells nothing: sound runs on so few recordings lose up to 1 nat more in validation.
OVERFITTED = 0.5
RISEN = 0.5
# A class has few training frames below this part of the most frequent one's.
FEW_OF_A_CLASS = 0.3
# The two sides number the classes differently where so many more frames would be named rightly in another order.
ORDER_GAINS = 0.3
# The two sides differ where their means lie so many standard deviations between recordings apart.
SIDES_APART = 2.0
# The share of frames with a probable label error.
LABEL_ERRORS = 0.01
# Classifiers that are right less often cannot tell a wrong label from their own error.
RIGHT_OFTEN = 0.7
# The probability of another class from which on a label is probably wrong.
SURE = 0.75
# Of what is left to reach above chance, at the lower end of its interval.
ABOVE_CHANCE = 0.15
# A split leaks where so many validation frames lie within `NEAR_SECONDS` of a training frame.
LEAKY_SHARE = 0.5


def thresholds_sha256() -> str:
    """Hashes all thresholds, by name and value."""
    return sha256_of_json({name: value for name, value in globals().items() if name.isupper()})
