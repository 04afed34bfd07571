"""Splits keep groups whole, refuse what cannot be split, and are audited."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogjax.config import SplitConfig
from dogjax.data.audit import audit_split, describe_split
from dogjax.data.splits import split_frames
from dogjax.errors import UserError
from dogjax.prng import Streams
from tests.data.tables import make_table, three_dogs

STREAMS = Streams(0)
ONE_RECORDING_EACH = [("ash", "ash/a", "", 100), ("bea", "bea/a", "", 100), ("cole", "cole/a", "", 100)]


def groups_on_both_sides(groups, split):
    return set(groups[split.train]) & set(groups[split.validation])


@pytest.mark.parametrize("strategy", ["frame", "block", "recording", "background"])
def test_folds_partition_the_frames_and_hold_every_dog(strategy):
    table = three_dogs()
    seen = []
    for fold in range(4):
        split = split_frames(table, SplitConfig(strategy=strategy, fold=fold, gap_seconds=0.0), STREAMS)
        assert set(split.train) | set(split.validation) == set(range(len(table)))
        assert set(split.train).isdisjoint(split.validation)
        for side in (split.train, split.validation):
            assert set(table.label[side]) == {0, 1, 2}
        seen.extend(split.validation)
    assert sorted(seen) == list(range(len(table)))


@pytest.mark.parametrize("strategy", ["recording", "background"])
def test_no_group_is_on_both_sides(strategy):
    table = three_dogs()
    split = split_frames(table, SplitConfig(strategy=strategy), STREAMS)
    assert not groups_on_both_sides(getattr(table, strategy), split)


def test_frame_strategy_takes_a_random_quarter_of_each_dog():
    split = split_frames(three_dogs(), SplitConfig(strategy="frame"), STREAMS)
    assert np.bincount(three_dogs().label[split.validation]).tolist() == [50, 50, 50]
    assert len(np.unique(np.diff(split.validation))) > 3  # not every fourth frame


@settings(max_examples=30, deadline=None)
@given(block=st.floats(2, 12), gap=st.floats(0, 4), fold=st.integers(0, 3), seed=st.integers(0, 99))
def test_block_strategy_purges_the_gap(block, gap, fold, seed):
    table = make_table([(dog, dog, "", 120) for dog in ("ash", "bea")])
    config = SplitConfig(strategy="block", block_seconds=block, gap_seconds=gap, fold=fold)
    split = split_frames(table, config, Streams(seed))
    for dog in ("ash", "bea"):
        train, held_out = (table.time[side[table.recording[side] == dog]] for side in (split.train, split.validation))
        assert np.abs(train[:, None] - held_out[None]).min() >= gap
    assert not groups_on_both_sides(split.groups, split)


def test_block_length_defaults_to_a_fold_of_the_shortest_dog():
    table = make_table([("ash", "ash", "", 100), ("bea", "bea", "", 41)])
    split = split_frames(table, SplitConfig(strategy="block"), STREAMS)
    assert split.block_seconds == pytest.approx(10, rel=0.002)
    assert split.gap_seconds == pytest.approx(2.5, rel=0.002)
    long = make_table([("ash", "ash", "", 600), ("bea", "bea", "", 600)])
    assert split_frames(long, SplitConfig(strategy="block"), STREAMS).block_seconds == 30.0


def test_recordings_nested_in_dogs_are_refused_with_the_reason():
    with pytest.raises(UserError, match=r"class 'ash' has one recording, so no fold can hold it in both.*block"):
        split_frames(make_table(ONE_RECORDING_EACH), SplitConfig(strategy="recording"), STREAMS)


def test_backgrounds_nested_in_dogs_are_refused_with_the_reason():
    table = make_table([(dog, f"{dog}{i}", f"{dog}'s room", 20) for dog in ("ash", "bea") for i in range(4)])
    with pytest.raises(UserError, match="class 'ash' has one background"):
        split_frames(table, SplitConfig(strategy="background"), STREAMS)


def test_too_few_recordings_for_the_folds_are_refused():
    with pytest.raises(UserError, match=r"split.folds=4: class 'ash' has 3 recordings"):
        split_frames(three_dogs(recordings_each=3), SplitConfig(strategy="recording"), STREAMS)


@pytest.mark.parametrize("strategy", ["block", "recording", "background"])
def test_data_without_groups_refuse_group_splits_and_allow_frames(strategy):
    table = make_table([("ash", "", "", 20), ("bea", "", "", 20)])
    with pytest.raises(UserError, match=f"split.strategy='{strategy}': the data name no"):
        split_frames(table, SplitConfig(strategy=strategy), STREAMS)
    split = split_frames(table, SplitConfig(strategy="frame"), STREAMS)
    assert any("cannot be ruled out" in each for each in audit_split(table, split, SplitConfig())["warnings"])


def test_train_only_and_validation_only_keep_their_sides():
    table = three_dogs()
    config = SplitConfig(strategy="background", train_only=("ash",), validation_only=("bea",))
    split = split_frames(table, config, STREAMS)
    assert set(table.label[split.train]) == {0, 2}
    assert set(table.label[split.validation]) == {1, 2}
    # A dog kept to one side must not carry the other side's backgrounds there.
    assert not groups_on_both_sides(table.background, split)


def test_two_dogs_must_be_left_to_train_on():
    with pytest.raises(UserError, match=r"split.validation_only=.*fewer than two classes would be trained on"):
        split_frames(three_dogs(), SplitConfig(strategy="background", validation_only=("ash", "bea")), STREAMS)


def test_a_dog_with_one_recording_may_be_train_only():
    recordings = [("ash", "ash/only", "", 30), *((d, f"{d}/{i}", "", 30) for d in ("bea", "cole") for i in range(4))]
    table = make_table(recordings)
    split = split_frames(table, SplitConfig(strategy="recording", train_only=("ash",)), STREAMS)
    assert np.sum(table.label[split.train] == 0) == 30


def test_unknown_labels_are_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"split.train_only: no label 'rex'; the labels are ash, bea, cole"):
        split_frames(three_dogs(), SplitConfig(train_only=("rex",)), STREAMS)


def test_smaller_train_fractions_are_subsets_with_the_same_validation():
    table = three_dogs()
    halves, tenth = (split_frames(table, SplitConfig(train_fraction=f), STREAMS) for f in (0.5, 0.1))
    assert set(tenth.train) < set(halves.train)
    assert np.array_equal(tenth.validation, halves.validation)
    whole = split_frames(table, SplitConfig(), STREAMS)
    counts = [np.bincount(table.label[each.train]) for each in (whole, halves)]
    assert np.abs(counts[0] / 2 - counts[1]).max() <= 0.5


def test_fewer_training_recordings_are_whole_ones_of_each_dog_with_the_same_validation():
    table = three_dogs(recordings_each=8)
    configs = [SplitConfig(strategy="recording", train_recordings=share) for share in (1.0, 0.5, 0.01)]
    whole, half, one = (split_frames(table, config, STREAMS) for config in configs)
    assert np.array_equal(half.validation, whole.validation) and np.array_equal(one.validation, whole.validation)
    assert set(one.train) < set(half.train) < set(whole.train)
    for split, count in ((whole, 6), (half, 3), (one, 1)):
        kept = np.isin(table.recording, table.recording[split.train])
        assert np.array_equal(np.flatnonzero(kept), split.train)  # with all their frames
        for dog in range(3):
            assert len(np.unique(table.recording[split.train[table.label[split.train] == dog]])) == count
    assert audit_split(table, one, configs[2])["purged_frames"] == 0  # training does without the others
    thinned = split_frames(table, dataclasses.replace(configs[1], train_fraction=0.1), STREAMS)
    assert len(np.unique(table.recording[thinned.train])) > 1 and set(thinned.train) < set(half.train)


def test_a_class_keeps_its_own_share_of_the_training_frames():
    table = three_dogs()
    configs = [SplitConfig(class_shares=pairs) for pairs in ((), (("bea", 0.5),), (("bea", 0.1), ("cole", 1e-6)))]
    whole, half, tenth = (split_frames(table, config, STREAMS) for config in configs)
    counts = [np.bincount(table.label[each.train]) for each in (whole, half, tenth)]
    assert counts[1].tolist() == [counts[0][0], round(counts[0][1] / 2), counts[0][2]]
    assert counts[2].tolist() == [counts[0][0], round(counts[0][1] / 10), 1]
    ash, bea = (lambda each, dog=dog: each.train[table.label[each.train] == dog] for dog in (0, 1))
    assert np.array_equal(ash(tenth), ash(whole)) and set(bea(tenth)) < set(bea(half)) < set(bea(whole))
    assert np.array_equal(tenth.train, np.sort(tenth.train)) and tenth.train.dtype == np.int64
    for split, config in ((half, configs[1]), (tenth, configs[2])):
        assert np.array_equal(split.validation, whole.validation)
        assert audit_split(table, split, config)["purged_frames"] == whole.purged
    # Of what train_fraction leaves.
    both = split_frames(table, SplitConfig(train_fraction=0.5, class_shares=(("bea", 0.5),)), STREAMS)
    fraction = split_frames(table, SplitConfig(train_fraction=0.5), STREAMS)
    assert set(both.train) < set(fraction.train)
    assert len(bea(both)) == round(len(bea(fraction)) / 2) and len(ash(both)) == len(ash(fraction))


def test_a_share_of_a_class_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"split\.class_shares: no label 'rex'; the labels are ash, bea, cole"):
        split_frames(three_dogs(), SplitConfig(class_shares=(("rex", 0.5),)), STREAMS)


def test_recordings_that_are_not_named_cannot_be_dropped():
    table = make_table([("ash", "", "", 20), ("bea", "", "", 20)])
    with pytest.raises(UserError, match=r"split.train_recordings=0.5: the data name no recordings"):
        split_frames(table, SplitConfig(strategy="frame", train_recordings=0.5), STREAMS)


def test_the_split_seed_alone_changes_the_split():
    table, config = three_dogs(), SplitConfig(strategy="frame")
    reference = split_frames(table, config, Streams(0)).sha256(table)
    assert split_frames(table, config, Streams(0, {"split": 0})).sha256(table) == reference
    assert split_frames(table, config, Streams(0, {"init": 5, "order": 6, "augment": 7})).sha256(table) == reference
    assert split_frames(table, config, Streams(0, {"split": 1})).sha256(table) != reference


def test_audit_calls_a_frame_split_leaky_with_its_numbers():
    table, config = make_table(ONE_RECORDING_EACH), SplitConfig(strategy="frame")
    audit = audit_split(table, split_frames(table, config, STREAMS), config)
    assert audit["nearest_training_frame"] == {
        "median_seconds": 1.0,
        "share_within_2_seconds": pytest.approx(1, abs=0.1),
    }
    assert audit["shared_recordings"] == ["ash/a", "bea/a", "cole/a"]
    assert any("The split is leaky" in each for each in audit["warnings"])


def test_audit_measures_seconds_to_the_nearest_training_frame_of_the_same_recording():
    table = make_table([("ash", "ash", "", 40), ("bea", "bea", "", 40)])
    config = SplitConfig(strategy="block", folds=4, block_seconds=10, gap_seconds=3)
    split = split_frames(table, config, STREAMS)
    by_hand = [
        min(abs(table.time[i] - table.time[j]) for j in split.train if table.recording[j] == table.recording[i])
        for i in split.validation
    ]
    near = audit_split(table, split, config)["nearest_training_frame"]
    assert near["median_seconds"] == np.median(by_hand)
    assert near["share_within_2_seconds"] == 0.0


def test_audit_of_an_honest_split_finds_nothing_shared():
    table, config = three_dogs(), SplitConfig(strategy="background")
    audit = audit_split(table, split_frames(table, config, STREAMS), config)
    assert audit["shared_recordings"] == audit["shared_backgrounds"] == []
    assert audit["nearest_training_frame"]["median_seconds"] is None
    assert not any("leaky" in each for each in audit["warnings"])


def test_audit_names_backgrounds_that_show_one_dog():
    table = make_table(
        [("ash", f"a{i}", "garden", 20) for i in range(4)] + [("bea", f"b{i}", "beach", 20) for i in range(4)]
    )
    config = SplitConfig(strategy="recording")
    audit = audit_split(table, split_frames(table, config, STREAMS), config)
    assert any("a single class in beach, garden" in each for each in audit["warnings"])


def test_description_names_every_frame_of_both_sides():
    table, config = three_dogs(), SplitConfig()
    split = split_frames(table, config, STREAMS)
    described = describe_split(table, split, config)
    assert described["train"] == [str(name) for name in table.frame_id[split.train]]
    assert described["validation"] == [str(name) for name in table.frame_id[split.validation]]
    assert len(described["sha256"]) == 64


def test_a_class_that_only_trains_does_not_size_the_blocks():
    table = make_table([("ash", "ash/1", "", 1), ("bea", "bea/1", "", 40), ("cole", "cole/1", "", 40)])
    split = split_frames(table, SplitConfig(train_only=("ash",)), STREAMS)
    assert split.block_seconds == pytest.approx(39 / 4, rel=0.002)
    assert set(table.label[split.train]) == {0, 1, 2} and set(table.label[split.validation]) == {1, 2}
