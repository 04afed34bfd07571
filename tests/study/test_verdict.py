"""What a study says in words follows from its figures."""

import numpy as np
import pytest

from dogjax.study.statistics import spread_ratio
from dogjax.study.verdict import in_words

CONTROL = {"runs": 3, "identical": True, "killed": 1}


def study(**parts):
    return {"arms": {}, "missing": [], "control": CONTROL} | parts


def sobol(half_width, floor=1.0):
    streams = {"init": {"first": 0.2, "total": 0.6, "first_half_width": half_width, "total_half_width": half_width}}
    accuracy = {"variance": 4.0, "floor_variance": floor, "streams": streams, "interactions": 0.8}
    return in_words(study(kind="sobol", sobol={"accuracy": accuracy}))


def test_shares_are_told_with_their_half_widths_and_the_floor():
    assert "'init' alone explains 20% (± 10%) of the variance of accuracy, and contributes to 60%" in sobol(0.1)
    assert "gives 25% of that variance by itself" in sobol(0.1)


def test_shares_that_cannot_be_told_are_not():
    assert "too few rows" in sobol(2.5) and "alone explains" not in sobol(2.5)


def test_an_empty_floor_is_said_to_be_empty_and_nothing_to_be_larger():
    told = sobol(0.1, floor=0.0)
    assert "The floor is empty" in told and "gives 0%" not in told
    spread, zero = ({"mean": 0.8, "sd": sd, "interval": [0.6 * sd, 2 * sd]} for sd in (0.05, 0.0))
    arm = {"runs": 10, "diverged": 0, "accuracy": spread, "loss": spread, "volatility": spread}
    empty = spread_ratio([np.array([1.0, 2.0])], [np.ones(3)]) | {"holm_p": None, "significant": None}
    against = {name: {"accuracy": empty, "loss": empty} for name in ("init", "all")}
    for poke in (arm | {"accuracy": zero, "loss": zero}, arm | {"accuracy": zero}):
        told = in_words(study(kind="seeds", arms={"poke": poke, "init": arm, "all": arm}, against_poke=against))
        assert "the floor is empty" in told.lower()
        assert "more than the floor" not in told and "streams' own" not in told


def seeds(ratio, significant, p=0.01):
    spread = {"mean": 0.8, "sd": 0.05, "interval": [0.03, 0.1]}
    arm = {"runs": 10, "diverged": 0, "accuracy": spread, "loss": spread, "volatility": spread}
    note = "they are tied" if p is None else None
    against = {"ratio": ratio, "interval": [1, 9], "p": p, "note": note, "holm_p": p, "significant": significant}
    floors = {name: {"accuracy": against, "loss": None} for name in ("init", "all")}
    return in_words(study(kind="seeds", arms={"poke": arm, "init": arm, "all": arm}, against_poke=floors))


def test_without_two_runs_of_the_floor_and_of_all_streams_nothing_is_said():
    arm = {"runs": 2, "diverged": 0, "accuracy": {"mean": 0.8, "sd": 0.1, "interval": [0.1, 0.2]}, "volatility": None}
    one = arm | {"accuracy": {"mean": 0.8, "sd": None, "interval": None}}
    for arms in ({"poke": arm, "all": one}, {"poke": one, "all": arm}, {"poke": arm}):
        against = {"all": {"accuracy": None, "loss": None}} if "all" in arms else {}
        assert "The floor is not measured yet" in in_words(study(kind="seeds", arms=arms, against_poke=against))
    assert "The floor is not measured yet" in in_words(study(kind="seeds", arms={"all": arm}))  # a shard's runs alone


def test_a_stream_above_the_floor_is_named():
    assert "The stream 'init' spreads the runs more than the floor: 3.0 times in accuracy." in seeds(3.0, True)
    assert "can be told from the floor" not in seeds(3.0, True)


def test_no_stream_is_blamed_without_evidence():
    assert "No stream can be told from the floor with 10 runs per arm" in seeds(3.0, False)
    assert "No stream can be told" in seeds(0.3, True)
    words = seeds(3.0, None, p=None)
    assert (
        "Not tested against the floor: 'init' and 'all', because they are tied." in words and "No stream" not in words
    )


def test_an_arm_that_cannot_be_tested_does_not_silence_the_others():
    spread = {"mean": 0.8, "sd": 0.05, "interval": [0.03, 0.1]}
    arm = {"runs": 10, "diverged": 0, "accuracy": spread, "loss": spread, "volatility": spread}
    found = {"ratio": 3.0, "interval": [1, 9], "p": 0.01, "note": None, "holm_p": 0.01, "significant": True}
    tied = found | {"p": None, "note": "they are tied", "holm_p": None, "significant": None}
    against = {"init": {"accuracy": tied, "loss": found}, "order": {"accuracy": tied, "loss": tied}}
    against["all"] = {"accuracy": None, "loss": None}
    words = in_words(study(kind="seeds", arms=dict.fromkeys(("poke", *against), arm), against_poke=against))
    assert "The stream 'init' spreads the runs more than the floor: 3.0 times in loss." in words
    assert "Not tested against the floor: 'order', because they are tied." in words
    assert "Not tested against the floor: 'all', because too few of their runs are finished." in words


def test_a_control_that_differs_is_the_first_thing_said():
    words = in_words(study(kind="seeds", control=CONTROL | {"identical": False}))
    assert words.startswith("The control's runs differ although nothing was varied")


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ({"runs": 0, "identical": None, "killed": 0}, "The control has not run, so it is unknown whether"),
        ({"runs": 1, "identical": None, "killed": 0}, "The control has only one run, so"),
        ({"runs": 3, "identical": None, "killed": 1}, "The control diverged, so it is unknown whether"),
        ({"runs": 2, "identical": True, "killed": 0}, "2 runs with the same seeds are equal to the bit"),
        ({"runs": 2, "identical": True, "killed": 0}, "it is unknown whether a resumed run is equal"),
        (CONTROL, "3 runs with the same seeds, 1 of them killed half-way and resumed, are equal to the bit"),
    ],
)
def test_the_control_claims_what_was_compared_and_no_more(control, words):
    told = in_words(study(kind="seeds", control=control))
    assert words in told
    assert ("equal to the bit" in told) == (control["identical"] is True)
    assert ("killed half-way and resumed" in told) == bool(control["identical"] and control["killed"])


def arms(ratio, fixed, capacity=None, one_class=0):
    ratio = {"ratio": ratio, "interval": [ratio / 2, ratio * 2]}
    common = {"pairs": 6, "difference": -0.012, "interval": [-0.03, 0.01], "p": 0.03, "holm_p": 0.04, "ratio": ratio}
    against = {"accuracy": common, "loss": common, "volatility": common, "one_class": one_class, "fixed": fixed}
    sizes = {"reference": 9000, "calm": 1200}
    table = {name: {"runs": 6, "diverged": 0, "parameters": size} for name, size in sizes.items()}
    return in_words(study(kind="arms", arms=table, against_reference={"calm": against}, capacity=capacity))


def test_an_arm_is_told_with_its_intervals():
    words = arms(0.4, fixed=False)
    assert "accuracy -1.2 points (-3.0 to +1.0) (significant, p 0.040 by Holm)" in words
    assert "volatility times 0.40 (0.20 to 0.80)" in words and "Fixed by" not in words


def test_a_fix_and_the_smallest_network_are_named():
    words = arms(0.4, fixed=True, capacity={"best": "reference", "smallest": "calm", "limit": 0.5})
    assert (
        "Fixed by 'calm': the volatility is about halved or lower, and lower with 95 % confidence; at most one" in words
    )
    assert "'calm', with 1,200 parameters" in words


def test_an_arm_that_predicts_one_class_is_named():
    words = arms(0.4, fixed=False, one_class=2)
    assert "'calm' predicts one class for nearly every frame in 2 of its 6 runs: its curve may be calm" in words
    assert "predicts one class" not in arms(0.4, fixed=False)


def many_arms(names, p, pairs=6):
    def measures(name):
        apart = {"difference": -0.3, "interval": [-0.4, -0.2], "ratio": {"ratio": 0.5, "interval": [0.4, 0.6]}}
        alike = {"difference": 0.0, "interval": [-0.1, 0.1], "ratio": {"ratio": 1.0, "interval": [0.5, 2.0]}}
        each = (apart if name == "worse" else alike) | {"pairs": pairs, "p": p, "holm_p": p}
        return {"accuracy": each, "loss": each, "volatility": each, "one_class": 0, "fixed": False}

    table = {name: {"diverged": 0, "parameters": 9000} for name in ("reference", *names)}
    against = {name: measures(name) for name in names}
    return in_words(study(kind="arms", arms=table, against_reference=against, capacity=None))


def test_of_many_arms_those_that_stand_out_are_named():
    words = many_arms(("worse", "alike"), 0.5)
    assert "number of arms: the accuracy with 'worse' (-30.0 points); the loss with 'worse' (-0.300)" in words
    assert "the volatility with 'worse' (times 0.50). Adjusted for 2 arms (Holm), significant are: nothing" in words
    assert "because with so few seeds no p can be below 0.06" in words
    assert "the accuracy with no arm; the loss with no arm" in many_arms(("alike", "like"), 0.5)


def test_significant_arms_are_named_and_seeds_that_are_enough_not_blamed():
    words = many_arms(("worse", "alike"), 0.02, pairs=9)
    assert "significant are: the accuracy of 'worse', the accuracy of 'alike'" in words and "so few seeds" not in words
    assert "Holm" not in many_arms(("worse", "alike"), None, pairs=2)
