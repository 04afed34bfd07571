"""How many training steps the device is sent at once.

A step on an accelerator may be over before the host has sent the next one, so it is sent many, as one program. A CPU
has no such lag, and runs what is within a loop more slowly.
"""

import jax

STEPS_ON_AN_ACCELERATOR = 16


def steps_at_once() -> int:
    """Steps to a dispatch, at most."""
    return 1 if jax.default_backend() == "cpu" else STEPS_ON_AN_ACCELERATOR


def end_of_dispatch(step: int, steps_per_epoch: int, at_once: int) -> int:
    """The step before which the dispatch that begins at `step` ends.

    Dispatches begin at the same steps in every run, and a run stops between two of them: however often it was stopped,
    the same programs were run. An epoch's last batch may be smaller, so it goes alone.
    """
    place = step % steps_per_epoch
    last = steps_per_epoch - 1
    return step + 1 if place == last else step + min(at_once - place % at_once, last - place)
