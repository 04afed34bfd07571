"""Every cause that is looked for is named with its evidence, cleared, or not testable and why."""

import numpy as np
import pytest

from dogjax.config import Config, flatten, replace_fields, to_dict
from dogjax.diagnose.attribution import Attribution
from dogjax.diagnose.branches import Change, Effect, Ends
from dogjax.diagnose.cartography import Dynamics
from dogjax.diagnose.causes import CAUSES, judge
from dogjax.diagnose.causes.evidence import CALM_RESCORED
from dogjax.diagnose.confusion import Confusion
from dogjax.diagnose.findings import Apart, Findings, Learning, Sides

CHANCE = {"accuracy": 0.34, "chance": 1 / 3, "interval": [0.25, 0.43], "groups": 36, "note": None}
LEARNT = {
    "epochs": 20,
    "train_accuracy": 0.95,
    "train_majority": 1 / 3,
    "constant_train_loss": 1.1,
    "clean_accuracy": 0.97,
    "clean_loss": 0.1,
    "clean_loss_precise": 0.1,
    "loss_precise": 0.3,
    "risen": 0.0,
    "falling": 0.0,
    "loss_moved": True,
    "spread": 3.0,
}
FRAMES = {"a": 450, "b": 450, "c": 450}


def findings(config=None, learning=None, sides=None, symptom=None, switches=None, **others):
    """A sound run that jumps for no reason, but for what is given."""
    fields = {"train.drop_remainder": True, "data.scale": "standardise"} | (config or {})
    given = {
        "config": replace_fields(Config(), fields),
        "symptom": {"relative_jumping": 0.5, "jumping": 0.5, "lowest_loss": 0.1, "highest_loss": 2.0} | (symptom or {}),
        "learning": Learning(**LEARNT | (learning or {})),
        "sides": Sides(**{"train_frames": FRAMES, "validation_frames": FRAMES, "apart": None} | (sides or {})),
        "attributions": {name: attribution(*each) for name, each in (switches or {}).items()},
        "calm_rescored": False,
        "stage_jumping": {},
        "stage_loss": {},
        "temperature": 1.0,
        "cooled_part": 0.0,
        "updates": 420,
        "average_decay": 0.99,
        "branches": None,
        "no_branches": "no epoch was trained again",
        "ends": {"as_is": Ends((0.1, 0.9), (0.1, 0.9))},
        "confusion": confusion(),
        "audit": {"nearest_training_frame": {"share_within_2_seconds": 0.0}, "single_class_backgrounds": []},
        "honest_split": None,
        "splits_by_background": True,
        "background": CHANCE,
        "without_middle": {"accuracy": 0.35, "interval": [0.3, 0.4], "chance": 1 / 3},
        "label_errors": {"share": 0.0, "errors": [], "unit": "recording", "note": None},
        "quality": {},
        "dynamics": Dynamics(*[np.zeros(0)] * 4),
        "step": {"best_multiple": None, "losses": None, "note": "unknown"},
        "input_scale": {"mean": 0.0, "sd": 1.0},
        "evaluation": None,
        "train_frames": 1350,
        "unit": "recording",
        "no_intervals": None,
    }
    return Findings(**given | others)


def confusion(*wrong, names=("a", "b", "c"), right=0.9):
    """Frames of each class alike; all but `right` of each are wrong, spread evenly but for those that are given."""
    shares = np.full((len(names), len(names)), (1 - right) / (len(names) - 1))
    np.fill_diagonal(shares, right)
    for label, row in wrong:
        shares[names.index(label)] = row
    return Confusion(names, shares / len(names))


def attribution(low, high, loss=(-0.1, 0.1)):
    alone, loss_alone = (low + high) / 2, sum(loss) / 2
    return Attribution(alone, (low, high), alone, None, loss_alone, tuple(loss))


def change(ratio=0.3, interval=(0.1, 0.6), part=None, lower_part=0.0, lower=(-0.1, 0.1)):
    return Change(1 - ratio if part is None else part, ratio, interval, sum(lower) / 2, lower, lower_part)


def effect(precise=None, **stored):
    return Effect(change(**stored), precise or change(**stored))


def named(given):
    return {cause.name: answer for cause, answer in judge(given).named}


def cleared(given):
    return {cause.name: answer.evidence for cause, answer in judge(given).cleared}


def not_testable(given):
    return {cause.name: answer.why for cause, answer in judge(given).not_testable}


def test_every_cause_is_accounted_for_once():
    names = [cause.name for cause in CAUSES]
    assert len(set(names)) == len(names) and all(cause.plain for cause in CAUSES)
    account = judge(findings())
    every = [cause.name for part in (account.named, account.cleared, account.not_testable) for cause, _ in part]
    assert sorted(every) == sorted(names)


def test_a_sound_run_is_accused_of_nothing_and_every_answer_has_a_reason():
    sound = findings(switches={"batch_norm_statistics": (-0.2, 0.3), "last_iterate": (0.01, 0.4)})
    assert named(sound) == {}
    assert all(cleared(sound).values()) and all(not_testable(sound).values())


def test_every_change_that_is_offered_is_a_field():
    fields = dict(flatten(to_dict(Config())))
    for given in GUILTY.values():
        for answer in named(findings(**given)).values():
            assert set(answer.fix) <= set(fields)
            replace_fields(Config(), dict(answer.fix))


GUILTY = {
    "not_learning": {"learning": {"train_accuracy": 0.35, "clean_accuracy": 0.34, "clean_loss_precise": 1.09}},
    "underfitting": {"learning": {"clean_loss_precise": 1.0, "falling": 0.1}},
    "overfitting": {"learning": {"loss_precise": 1.2, "risen": 0.6}},
    "missing_class": {"sides": {"train_frames": {"a": 675, "b": 675, "c": 0}}},
    "class_imbalance": {
        "sides": {"train_frames": {"a": 600, "b": 600, "c": 20}},
        "confusion": confusion(("c", (0.4, 0.4, 0.2))),
    },
    "wrong_class_order": {
        "confusion": confusion(("a", (0.1, 0.7, 0.2)), ("b", (0.2, 0.1, 0.7)), ("c", (0.7, 0.2, 0.1)))
    },
    "sides_differ": {"sides": {"apart": Apart("red", 120.0, 40.0, 10.0, 0.0005)}},
    "leaky_split": {"audit": {"nearest_training_frame": {"share_within_2_seconds": 0.9}}},
    "batch_norm_statistics": {"switches": {"batch_norm_statistics": (0.4, 0.8)}},
    "augmented_validation": {"switches": {"augmented_validation": (0.4, 0.8)}},
    "last_iterate": {"switches": {"last_iterate": (0.4, 0.8)}},
    "learning_rate": {"switches": {"last_iterate": (0.4, 0.8)}, "step": {"best_multiple": 1.0, "note": None}},
    "dropout_before_norm": {
        "stage_jumping": {"as_it_was": 1.0, "lag": 0.9, "without_dropout": 0.2, "clean": 0.2},
        "stage_loss": {"as_it_was": 1.0, "lag": 1.0, "without_dropout": 1.0, "clean": 1.0},
    },
    "tail_batch": {"config": {"train.drop_remainder": False}},
    "small_batch": {"config": {"train.batch_size": 8}, "branches": {"batch_times_4": effect()}},
    "optimizer_instability": {"branches": {"without_moments": effect()}},
    "overconfidence": {"temperature": 3.0, "cooled_part": 0.6},
    "label_noise": {
        "label_errors": {
            "share": 0.1,
            "errors": [{"unit": "rec1", "label": "biscuit", "called": "pepper", "probability": 0.93}],
            "units": 9,
            "unit": "recording",
            "right": 0.97,
            "note": None,
        }
    },
    "background_confound": {
        "background": CHANCE | {"accuracy": 0.8, "interval": [0.7, 0.9]},
        "without_middle": {"accuracy": 0.6, "interval": [0.5, 0.7], "chance": 1 / 3},
    },
    "look_alikes": {"confusion": confusion(("a", (0.6, 0.4, 0.0)), ("b", (0.4, 0.6, 0.0)))},
    "input_scale": {"input_scale": {"mean": 118.0, "sd": 61.0}},
    "small_validation": {"evaluation": {}, "no_intervals": "too few recordings"},
}


def test_each_cause_has_a_run_that_is_guilty_of_it():
    assert set(GUILTY) == {cause.name for cause in CAUSES}


@pytest.mark.parametrize("name", GUILTY)
def test_a_run_with_one_thing_wrong_is_accused_of_that_alone(name):
    assert list(named(findings(**GUILTY[name]))) == [name]


def test_the_first_question_comes_first_and_parts_rank_the_jumps():
    switches = {"batch_norm_statistics": (0.3, 0.5), "augmented_validation": (0.6, 0.8)}
    given = GUILTY["not_learning"] | GUILTY["look_alikes"] | {"switches": switches}
    given |= {"sides": GUILTY["missing_class"]["sides"]}
    assert list(named(findings(**given))) == [
        "not_learning",
        "missing_class",
        "augmented_validation",
        "batch_norm_statistics",
        "look_alikes",
    ]


def test_of_the_links_of_a_chain_the_cheapest_to_change_comes_first():
    switches = {"batch_norm_statistics": (0.8, 0.96)}
    config = {"train.drop_remainder": False}
    for ratio, order in (
        (0.3, ["tail_batch", "batch_norm_statistics"]),
        (0.6, ["batch_norm_statistics", "tail_batch"]),
    ):
        found = named(findings(config=config, switches=switches, branches={"without_tail": effect(ratio=ratio)}))
        assert list(found) == order


def test_confidence_enlarges_and_never_stands_before_what_it_enlarges():
    given = {"switches": {"batch_norm_statistics": (0.1, 0.3)}, "temperature": 5.0, "cooled_part": 0.9}
    assert list(named(findings(**given))) == ["batch_norm_statistics", "overconfidence"]


def test_a_calm_curve_has_no_cause_of_jumps_and_may_have_one_of_its_level():
    calm = {"relative_jumping": 0.01, "jumping": 0.01, "lowest_loss": 0.5, "highest_loss": 0.52}
    assert named(findings(symptom=calm, switches={"batch_norm_statistics": (0.4, 0.8)})) == {}
    found = findings(symptom=calm, switches={"batch_norm_statistics": (0.4, 0.8, (0.2, 0.4))})
    (answer,) = named(found).values()
    assert answer.explains == "score" and "30% of the loss" in answer.evidence and answer.alone == pytest.approx(0.3)


def test_statistics_that_are_still_what_they_began_with_are_said_to_be():
    few = findings(config={"model.norm_momentum": 0.99}, updates=24, switches={"batch_norm_statistics": (0.4, 0.8)})
    assert (
        "after 24 updates 79% of the stored averages is still their initial value"
        in named(few)["batch_norm_statistics"].evidence
    )


@pytest.mark.parametrize(
    ("learning", "learns"),
    [
        ({"train_accuracy": 0.35, "clean_accuracy": 0.34, "clean_loss_precise": 1.09}, False),
        ({"train_accuracy": 0.35, "clean_accuracy": 0.34, "clean_loss_precise": 0.9}, True),  # its loss has fallen
        ({"train_accuracy": 0.5, "clean_accuracy": 0.34, "clean_loss_precise": 1.09}, True),  # it names frames
        ({"train_accuracy": 0.35, "clean_accuracy": None, "clean_loss_precise": None}, False),  # of an earlier version
        # One class is nearly all of training: what is named beyond it counts.
        ({"train_accuracy": 0.97, "clean_accuracy": 1.0, "train_majority": 0.95, "clean_loss_precise": 1.09}, True),
    ],
)
def test_nothing_is_learnt_where_neither_names_nor_loss_are_better_than_a_constant_answer(learning, learns):
    found = named(findings(learning=learning))
    assert ("not_learning" in found) != learns
    assert learns or not {"underfitting", "overfitting"} & set(found)


def test_what_is_known_by_heart_in_training_alone_is_lost_by_stored_averages():
    for before, after, listed in ((1.2, 0.3, True), (0.08, 0.02, False), (1.2, 0.9, False)):
        learning = {"clean_loss": before, "clean_loss_precise": after}
        switches = {"batch_norm_statistics": (-0.5, 0.9)}  # validation groups are too few to tell
        answers = named(findings(learning=learning, switches=switches))
        assert ("batch_norm_statistics" in answers) == listed
        if listed:
            answer = answers["batch_norm_statistics"]
            assert "75% of the loss on clean training frames" in answer.evidence and answer.explains == "score"


def test_sides_that_differ_are_not_called_another_order_of_classes():
    both = GUILTY["wrong_class_order"] | GUILTY["sides_differ"]
    assert list(named(findings(**both))) == ["sides_differ"]


@pytest.mark.parametrize(
    ("given", "why", "field"),
    [
        ({"input_scale": {"mean": 118.0, "sd": 61.0}}, "times as large", "data.scale"),
        ({"input_scale": {"mean": 0.3, "sd": 0.001}}, "hardly varies", "data.scale"),
        ({"config": {"model.initializer": "zeros"}}, "begin alike", "model.initializer"),
        ({"learning": {"loss_moved": True}}, "too long", "optim.learning_rate"),
        ({"learning": {"loss_moved": False}}, "too short", "optim.learning_rate"),
    ],
)
def test_a_network_that_learns_nothing_is_told_why(given, why, field):
    learning = GUILTY["not_learning"]["learning"] | given.get("learning", {})
    answer = named(findings(**given | {"learning": learning}))["not_learning"]
    assert why in answer.evidence and list(answer.fix) == [field]


def test_a_missing_class_that_was_kept_out_on_purpose_is_given_back():
    given = GUILTY["missing_class"] | {"config": {"split.validation_only": ("c",)}}
    assert named(findings(**given))["missing_class"].fix == {"split.validation_only": ()}


def test_a_run_without_scores_on_clean_frames_cannot_tell_too_little_from_too_much():
    old = findings(learning={"clean_accuracy": None, "clean_loss_precise": None})
    assert {"underfitting", "overfitting"} <= set(not_testable(old))


@pytest.mark.parametrize(("frames", "listed"), [(1350, True), (1344, False), (1390, False), (10, False)])
def test_a_small_last_batch_is_a_cause_of_its_own(frames, listed):
    found = findings(config={"train.drop_remainder": False}, train_frames=frames)
    assert ("tail_batch" in named(found)) == listed


@pytest.mark.parametrize("honest", [{"split.gap_seconds": 2.5}, None])
def test_a_leaky_split_offers_one_that_the_frames_allow_or_says_that_there_is_none(honest):
    answer = named(findings(**GUILTY["leaky_split"], honest_split=honest))["leaky_split"]
    assert answer.fix == (honest or {}) and ("record each class again" in answer.evidence) == (honest is None)


def test_labels_that_cannot_be_judged_are_not_cleared():
    unknown = {"share": 0.0, "errors": [], "unit": "recording", "note": "a class has fewer than 3 recordings"}
    assert "fewer than 3 recordings" in not_testable(findings(label_errors=unknown))["label_noise"]


def test_without_times_a_leak_cannot_be_found():
    audit = {"nearest_training_frame": {"share_within_2_seconds": None}, "single_class_backgrounds": []}
    assert "no times" in not_testable(findings(audit=audit))["leaky_split"]


def test_a_background_that_no_split_can_part_from_the_class_has_no_change():
    given = GUILTY["background_confound"]
    for others in ({"splits_by_background": False}, {"audit": findings().audit | {"single_class_backgrounds": ["x"]}}):
        answer = named(findings(**given, **others))["background_confound"]
        assert answer.fix == {} and "record each class on every background" in answer.evidence
    answer = named(findings(**given, config={"split.strategy": "frame"}))["background_confound"]
    assert answer.fix == {"split.strategy": "background"}


def test_a_network_without_a_finite_answer_to_hidden_frames_cannot_be_asked():
    hidden = {"accuracy": None, "interval": None, "chance": 1 / 3}
    given = GUILTY["background_confound"] | {"without_middle": hidden}
    assert "not finite" in not_testable(findings(**given))["background_confound"]


def test_a_background_that_the_network_does_not_use_is_no_cause():
    for hidden in ({"accuracy": 0.36, "interval": [0.3, 0.42]}, {"accuracy": 0.4, "interval": None}):
        given = GUILTY["background_confound"] | {"without_middle": hidden | {"chance": 1 / 3}}
        assert "does not use it" in cleared(findings(**given))["background_confound"]


def test_a_background_near_chance_and_a_few_errors_are_no_evidence():
    assert "background_confound" in cleared(findings(background=CHANCE | {"interval": [0.3, 0.47]}))
    few = confusion(("a", (0.98, 0.02, 0.0)), right=1.0)
    assert "look_alikes" in cleared(findings(confusion=few))
    assert "no frame" in cleared(findings(confusion=confusion(right=1.0)))["look_alikes"]


def test_an_exchange_of_two_classes_is_told():
    swapped = confusion(("a", (0.1, 0.9, 0.0)), ("b", (0.9, 0.1, 0.0)), right=1.0)
    answer = named(findings(confusion=swapped))["wrong_class_order"]
    assert "40% of the validation frames" in answer.evidence and "93% once" in answer.evidence
    assert "a is called b, b is called a" in answer.evidence and "c is called" not in answer.evidence


@pytest.mark.parametrize(
    ("merged", "pair", "fix"),
    [
        ((), ["a", "b"], ["a", "b"]),
        (("a", "b"), ["a+b", "c"], ["a", "b", "c"]),
        (("a", "b"), ["c", "d"], [["a", "b"], ["c", "d"]]),
        ((("a", "b"), ("c", "d")), ["a+b", "e"], [["c", "d"], ["a", "b", "e"]]),
    ],
)
def test_merging_keeps_what_is_merged_already(merged, pair, fix):
    names = (*pair, "another")
    found = confusion((pair[0], (0.6, 0.4, 0.0)), (pair[1], (0.4, 0.6, 0.0)), names=names)
    answer = named(findings(confusion=found, config={"data.merge_labels": merged}))["look_alikes"]
    assert answer.fix == {"data.merge_labels": fix}
    replace_fields(Config(), dict(answer.fix))


def test_a_wide_interval_says_how_many_frames_it_is_worth():
    evaluation = {
        "frames": 450,
        "intervals": {"accuracy": [0.5, 0.8], "groups": 9, "unit": "recording"},
        "effective_sample_size": {"n_eff": 21.4},
    }
    answer = named(findings(evaluation=evaluation))["small_validation"]
    assert "their 450 frames say as much as 21 independent" in answer.evidence
    narrow = evaluation | {"intervals": {"accuracy": [0.7, 0.8], "groups": 9, "unit": "recording"}}
    assert "small_validation" in cleared(findings(evaluation=narrow))


def test_without_intervals_only_a_large_part_is_evidence():
    for alone, listed in ((0.5, True), (0.2, False)):
        attributed = {"last_iterate": Attribution(alone, None, alone, None, 0.0, None)}
        assert ("last_iterate" in named(findings(attributions=attributed))) == listed


@pytest.mark.parametrize(
    ("branch", "name", "config"),
    [
        ("quarter_rate", "learning_rate", {}),
        ("without_tail", "tail_batch", {"train.drop_remainder": False}),
        ("without_dropout", "dropout_before_norm", {"model.dropout": 0.3}),
        ("batch_times_4", "small_batch", {"train.batch_size": 8}),
        ("without_moments", "optimizer_instability", {}),
    ],
)
def test_what_an_epoch_showed_that_was_trained_again_decides(branch, name, config):
    stages = {each: {"as_it_was": 1.0, "lag": 0.9, "clean": 0.85} for each in ("stage_jumping", "stage_loss")}
    for found, listed in ((effect(), True), (effect(interval=(0.1, 1.2)), False), (effect(part=0.1), False)):
        answers = named(findings(config=config, branches={branch: found}, **stages))
        assert (name in answers) == listed
        if listed:
            assert answers[name].alone == pytest.approx(0.7)
            assert answers[name].interval == pytest.approx((0.4, 0.9))


def test_a_calm_curve_is_not_explained_by_branches():
    calm = {"relative_jumping": 0.01, "jumping": 0.01, "lowest_loss": 0.5, "highest_loss": 0.52}
    assert named(findings(symptom=calm, branches={"quarter_rate": effect(lower=(0.3, 0.5), lower_part=0.5)})) == {}


def test_a_calm_curve_clears_what_branches_would_have_told():
    calm = {"relative_jumping": 0.01, "jumping": 0.01, "lowest_loss": 0.5, "highest_loss": 0.52}
    assert cleared(findings(symptom=calm))["small_batch"] == "the curve is calm"
    assert cleared(findings(calm_rescored=True))["small_batch"] == CALM_RESCORED
    assert "no epoch was trained again" in not_testable(findings())["small_batch"]


def test_the_rate_is_offered_after_which_the_loss_is_lowest():
    tried = {"quarter_rate": effect(lower=(0.1, 0.3)), "sixteenth_rate": effect(lower=(0.2, 0.3))}
    answer = named(findings(config={"optim.learning_rate": 0.16}, branches=tried))["learning_rate"]
    assert answer.fix == {"optim.learning_rate": 0.01} and "a sixteenth of the learning rate" in answer.evidence
    del tried["sixteenth_rate"]
    answer = named(findings(config={"optim.learning_rate": 0.16}, branches=tried))["learning_rate"]
    assert answer.fix == {"optim.learning_rate": 0.04}


def test_steps_are_too_long_where_shorter_ones_lower_the_loss_even_if_they_are_no_calmer():
    for lower, part, listed in (((0.1, 0.3), 0.4, True), ((-0.1, 0.5), 0.4, False), ((0.1, 0.3), 0.1, False)):
        found = {"quarter_rate": effect(interval=(0.1, 1.2), lower=lower, lower_part=part)}
        answers = named(findings(branches=found))
        assert ("learning_rate" in answers) == listed
        if listed:
            answer = answers["learning_rate"]
            assert answer.of == "the loss" and answer.interval == pytest.approx((0.2, 0.6))


def test_where_batch_norm_makes_most_of_it_a_change_of_training_must_calm_what_it_leaves():
    most = {"batch_norm_statistics": (0.7, 0.9)}
    through_it = {"quarter_rate": effect(precise=change(ratio=0.5, part=0.05))}
    assert list(named(findings(switches=most, branches=through_it))) == ["batch_norm_statistics"]
    beside_it = {"quarter_rate": effect(precise=change(ratio=0.2, part=0.4))}
    assert set(named(findings(switches=most, branches=beside_it))) == {"batch_norm_statistics", "learning_rate"}
    # The tail moves the weights, too, where BatchNorm's noise hides it.
    hidden = {"without_tail": effect(precise=change(ratio=0.1, interval=(0.05, 0.2)), interval=(0.3, 1.4))}
    assert "tail_batch" in named(findings(config={"train.drop_remainder": False}, branches=hidden))
    # It is dropped for nothing, so it is named whatever it acts through.
    tail = {"without_tail": effect(precise=change(ratio=0.5, part=0.05))}
    config = {"train.drop_remainder": False}
    assert set(named(findings(config=config, switches=most, branches=tail))) == {"batch_norm_statistics", "tail_batch"}


def test_where_the_same_weights_are_calm_when_scored_otherwise_training_is_cleared_but_for_the_free_change():
    tried = {"without_tail": effect(), "quarter_rate": effect(lower=(0.3, 0.5), lower_part=0.5)}
    switches = {"batch_norm_statistics": (0.9, 0.99), "last_iterate": (0.5, 0.9)}
    config = {"train.drop_remainder": False}
    found = findings(config=config, switches=switches, branches=tried, calm_rescored=True)
    assert set(named(found)) == {"batch_norm_statistics", "tail_batch"}
    assert cleared(found)["learning_rate"] == cleared(found)["last_iterate"] == CALM_RESCORED


def test_an_epoch_that_makes_no_noise_cannot_say_why_the_curve_jumped_before():
    still = {"as_is": Ends((0.30, 0.31), (0.30, 0.31))}
    found = findings(branches={"quarter_rate": effect()}, ends=still)
    assert named(found) == {} and "why it jumped before" in not_testable(found)["learning_rate"]


def test_a_batch_that_is_not_small_is_not_called_so():
    given = {"branches": {"batch_times_4": effect()}}
    assert "a lower rate does the same" in cleared(findings(config={"train.batch_size": 64}, **given))["small_batch"]


def test_the_last_iterate_is_what_nothing_else_explains():
    moves = {"last_iterate": (0.4, 0.8)}
    assert "last_iterate" in named(findings(switches=moves, branches={"quarter_rate": effect(interval=(0.1, 1.2))}))
    answers = findings(switches=moves, branches={"quarter_rate": effect()})
    assert list(named(answers)) == ["learning_rate"] and "is named" in cleared(answers)["last_iterate"]
    # Of what BatchNorm leaves it takes a large part, and that is a small part of the whole.
    both = findings(switches=moves | {"batch_norm_statistics": (0.7, 0.9)})
    assert list(named(both)) == ["batch_norm_statistics"] and "that BatchNorm leaves" in cleared(both)["last_iterate"]


def test_dropout_that_raises_the_level_alone_is_a_cause_of_the_score():
    stages = ("as_it_was", "lag", "without_dropout", "clean")
    given = {"stage_jumping": dict.fromkeys(stages, 1.0), "stage_loss": dict(zip(stages, (1.0, 1.0, 0.4, 0.4)))}
    calm = {"relative_jumping": 0.01, "jumping": 0.01, "lowest_loss": 0.9, "highest_loss": 0.92}
    answer = named(findings(symptom=calm, **given))["dropout_before_norm"]
    assert answer.explains == "score" and answer.alone == pytest.approx(0.6)
