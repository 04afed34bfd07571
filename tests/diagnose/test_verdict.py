"""A diagnosis in words: what it says follows from what was found."""

from dogjax.diagnose.verdict import headline, in_words

CALM = {"epochs": [1, 20], "volatility": 0.01, "lowest_loss": 0.1, "highest_loss": 0.12, "predicts_one_class": False}
JUMPING = CALM | {"volatility": 0.5, "highest_loss": 2.0}
SHARES = {"last_iterate": {"share": 0.1, "interval": [-0.1, 0.3]}}


def diagnosis(symptom, **fields):
    fields = {"causes": [], "shares": SHARES, "unexplained": 0.9, "no_intervals": None, "drops": {}} | fields
    return {"symptom": symptom, "repeats": True, "curves": {"loss": {"all": [0.1, 0.11]}}} | fields


def both(given):
    return headline(given), in_words(given)


def test_a_calm_curve_is_called_calm():
    assert all(words.startswith("The curve is calm") and "unknown" not in words for words in both(diagnosis(CALM)))


def test_a_curve_that_jumps_for_no_known_reason_is_said_to():
    assert all("the cause of the jumps is unknown" in words for words in both(diagnosis(JUMPING)))


def test_shares_that_are_not_sure_are_counted_so_that_all_adds_up():
    jump = {"name": "last_iterate", "explains": "jumps", "share": 0.5}
    assert (
        "Averaging the weights over five epochs removes 50% of the jumping (last iterate). Other changes remove 30%, "
        "but none of them surely. 20% of the jumping is unexplained."
        in headline(diagnosis(JUMPING, causes=[jump], unexplained=0.2))
    )
    assert "Other changes" not in headline(diagnosis(JUMPING, causes=[jump], unexplained=0.48))


def test_a_curve_without_volatility_was_not_measured():
    found = diagnosis(JUMPING | {"volatility": None}, shares=None, unexplained=None)
    assert all("not defined" in words and "unknown" not in words for words in both(found))


def test_a_network_that_predicts_one_class_has_learned_nothing():
    assert all("it has learned nothing" in words for words in both(diagnosis(CALM | {"predicts_one_class": True})))


def test_a_machine_that_does_not_repeat_the_run_is_said_to():
    assert "does not repeat the run to the bit" in in_words(diagnosis(CALM) | {"repeats": False})
