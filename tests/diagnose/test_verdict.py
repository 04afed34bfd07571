"""A diagnosis in words: what it says follows from what was found."""

from dogjax.diagnose.verdict import headline, in_words

CALM = {
    "epochs": [1, 20],
    "relative_jumping": 0.01,
    "jumping": 0.01,
    "lowest_loss": 0.1,
    "highest_loss": 0.12,
    "predicts_one_class": False,
}
JUMPING = CALM | {"relative_jumping": 0.5, "jumping": 0.4, "highest_loss": 2.0}
SWITCHES = {"last_iterate": {"alone": 0.1, "interval": [-0.1, 0.3]}}


def diagnosis(symptom, *causes, **fields):
    given = {"causes": list(causes), "cleared": [], "not_testable": [], "switches": SWITCHES, "no_intervals": None}
    return given | {"symptom": symptom, "repeats": True} | fields


def cause(name, plain, alone, explains="jumps"):
    given = {"name": name, "plain": plain, "alone": alone, "explains": explains, "amplifies": name == "overconfidence"}
    return given | {"evidence": "so it is", "override": "", "of": "the jumping"}


AVERAGES = cause("batch_norm_statistics", "BatchNorm's stored averages lag behind the weights", 0.8)


def both(given):
    return headline(given), in_words(given)


def test_a_calm_curve_is_called_calm():
    assert all(words.startswith("The curve is calm") and "unknown" not in words for words in both(diagnosis(CALM)))


def test_a_curve_that_jumps_for_no_known_reason_is_said_to():
    assert all("the cause of the jumps is unknown" in words for words in both(diagnosis(JUMPING)))


def test_the_first_cause_is_said_with_what_goes_if_it_alone_is_changed():
    said = headline(diagnosis(JUMPING, AVERAGES))
    assert "Most of the jumping (80%) goes if this alone is changed: BatchNorm's stored averages lag" in said
    assert "links of a chain" not in said


def test_links_of_a_chain_are_said_to_be():
    tail = cause("tail_batch", "the last batch of an epoch is tiny", 0.7)
    said = headline(diagnosis(JUMPING, AVERAGES, tail))
    assert "causes are links of a chain: the last batch of an epoch is tiny (70%)" in said
    enlarges = cause("overconfidence", "predictions are surer than they are right", 0.9)
    assert "links of a chain" not in headline(diagnosis(JUMPING, AVERAGES, enlarges))


def test_what_voids_the_score_is_said_before_the_curve():
    missing = cause("missing_class", "a class that is validated was never trained on", 0.3, "sides")
    said = headline(diagnosis(JUMPING, missing, AVERAGES))
    assert said.startswith("A class that is validated was never trained on: no score of this split can be trusted.")
    idle = cause("not_learning", "the network learns nothing", None, "learning")
    assert headline(diagnosis(JUMPING, idle)).startswith("The network learns nothing. The validation loss jumps")


def test_what_was_cleared_and_what_could_not_be_tested_is_said():
    given = diagnosis(
        CALM,
        cleared=[{"name": "leaky_split", "evidence": ""}],
        not_testable=[{"name": "look_alikes", "why": "there are two classes"}],
    )
    assert "Cleared: leaky split. Not testable: look alikes: there are two classes." in in_words(given)


def test_a_curve_without_volatility_was_not_measured():
    found = diagnosis(JUMPING | {"relative_jumping": None}, switches={})
    assert all("not defined" in words and "unknown" not in words for words in both(found))


def test_a_network_that_predicts_one_class_is_said_to():
    assert all(
        "one class for nearly every frame" in words for words in both(diagnosis(CALM | {"predicts_one_class": True}))
    )


def test_a_machine_that_does_not_repeat_the_run_is_said_to():
    assert all("does not repeat the run to the bit" in words for words in both(diagnosis(CALM, repeats=False)))
