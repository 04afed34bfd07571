"""The statistics of a study, against hand-computed and published values, and by simulation."""

import itertools

import numpy as np
import pytest
import scipy.stats
from SALib.sample import sobol as sobol_design
from SALib.test_functions import Ishigami
from scipy import stats

from dogjax.study import statistics

# Of 1,000 simulated 95 % intervals, 95 % +- 2.2 % hold the truth with a probability of .999 (binomial).
TRIALS, COVERED = 1000, (0.928, 0.972)


def generator():
    return np.random.default_rng(7)


def test_spread_pools_the_variance_within_bases():
    # Deviations 1, -1 around 1, and 2, 0, -2 around 10: 2 + 8 over 1 + 2 degrees of freedom.
    described = statistics.spread([np.array([0.0, 2.0]), np.array([8.0, 10.0, 12.0])])
    assert described["mean"] == pytest.approx(32 / 5)
    assert described["sd"] == pytest.approx(np.sqrt(10 / 3))
    chi2 = stats.chi2(3)
    assert described["interval"] == pytest.approx([np.sqrt(10 / chi2.ppf(0.975)), np.sqrt(10 / chi2.ppf(0.025))])


def test_runs_that_are_equal_have_a_spread_of_exactly_zero():
    value = 0.1 + 0.2  # no float whose mean of three is itself
    described = statistics.spread([np.array([value] * 3)])
    assert described["sd"] == 0 and described["interval"] == [0, 0]


@pytest.mark.parametrize("groups", [[], [np.array([])], [np.array([1.0])], [np.array([1.0]), np.array([2.0])]])
def test_a_spread_that_cannot_be_estimated_is_null(groups):
    described = statistics.spread(groups)
    assert described["sd"] is None and described["interval"] is None


def test_the_interval_of_a_standard_deviation_covers_it_as_often_as_it_says():
    rng = generator()
    covered = 0
    for _ in range(TRIALS):
        low, high = statistics.spread([rng.normal(base, 2.0, 5) for base in (0, 100)])["interval"]
        covered += low <= 2 <= high
    assert COVERED[0] < covered / TRIALS < COVERED[1]


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says():
    rng = generator()
    covered = 0
    for _ in range(TRIALS):
        groups, floor = ([rng.normal(0, sd, 5) for _ in range(2)] for sd in (3.0, 1.0))
        low, high = statistics.spread_ratio(groups, floor)["interval"]
        covered += low <= 3 <= high
    assert COVERED[0] < covered / TRIALS < COVERED[1]


def test_an_arm_like_its_floor_is_seldom_called_larger():
    rng = generator()
    p = [statistics.spread_ratio(*([rng.normal(0, 1, 5) for _ in range(2)] for _ in "ab"))["p"] for _ in range(TRIALS)]
    # Brown-Forsythe is conservative at five runs: the error stays below its level.
    assert np.mean(np.array(p) < 0.05) < 0.06


def test_brown_forsythe_is_scipys_levene_about_the_median():
    rng = generator()
    a, b = rng.normal(0, 1, 9), rng.normal(0, 3, 8)
    assert statistics.spread_ratio([a], [b])["p"] == pytest.approx(stats.levene(a, b, center="median").pvalue)


def test_a_ratio_to_an_empty_floor_is_not_told_and_two_runs_have_no_p():
    equal, runs = [np.array([1.0, 1.0, 1.0])], [np.array([1.0, 2.0, 4.0])]
    empty = {"ratio": None, "interval": None, "p": None, "note": "the floor is empty: its runs are equal"}
    assert statistics.spread_ratio(runs, equal) == empty == statistics.spread_ratio(equal, equal)
    assert statistics.spread_ratio(runs, [np.array([1.0])]) is None
    assert statistics.spread_ratio(equal, runs)["ratio"] == 0
    two = statistics.spread_ratio([np.array([1.0, 2.0])], runs)
    assert two["p"] is None and two["note"] == "two runs a base are too few"


@pytest.mark.parametrize(
    ("arm", "floor"),
    [
        ([0.7, 0.7, 0.8, 0.8], [0.1, 0.1, 0.3, 0.3]),  # distances .05 and .1, but for their last bits: p would be 0
        ([0.5, 0.5, 0.5], [0.1, 0.1, 0.3, 0.3]),
        ([0.1, 0.1, 0.3, 0.3], [0.1, 0.1, 0.3, 0.3]),  # not a number
    ],
)
def test_runs_that_are_tied_have_no_p_and_say_why(arm, floor):
    found = statistics.spread_ratio([np.array(arm)], [np.array(floor)])
    assert found["p"] is None and found["note"] == "the runs of each side lie equally far from their median"
    assert statistics.spread_ratio([np.array([0.1, 0.2, 0.4])], [np.array(floor)])["p"] > 0.05


def test_holm_steps_down():
    # Holm 1979, by hand: .01 x 3, then .02 x 2, then the larger of that and .03 x 1.
    assert statistics.holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert statistics.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert statistics.holm([]) == []


def test_disagreement_counts_frames():
    assert statistics.disagreement(np.array([0, 1, 2, 0]), np.array([1, 0, 2, 0])) == 0.5


def test_logits_that_differ_by_a_constant_of_each_frame_correlate_fully():
    logits = generator().normal(size=(20, 3))
    others = [2 * logits + np.arange(20)[:, None], -logits, np.zeros((20, 3))]
    assert [statistics.logit_correlation(logits, each) for each in others] == pytest.approx([1, -1, 0])


def test_the_ensemble_gains_where_two_runs_err_on_different_frames():
    labels = np.array([0, 0])
    surely_right, barely_wrong = [3.0, 0.0], [0.0, 1.0]
    first, second = np.array([surely_right, barely_wrong]), np.array([barely_wrong, surely_right])
    assert statistics.ensemble_gain(first, second, labels) == pytest.approx(0.5)


def test_a_run_drawn_twice_makes_no_pair_with_itself():
    # All pairs disagree alike: any resample of pairs of different runs gives the same mean.
    matrix = 0.3 * ~np.eye(6, dtype=bool)
    assert statistics.mean_over_pairs([matrix], generator())["interval"] == pytest.approx([0.3, 0.3])
    assert statistics.mean_over_pairs([matrix[:3, :3]], generator()) == {"mean": pytest.approx(0.3), "interval": None}
    assert statistics.mean_over_pairs([], generator())["mean"] is None


def test_the_bootstrap_of_runs_is_wider_than_one_of_pairs_would_be():
    rng = generator()
    far = rng.normal(size=8)  # some runs disagree with all others more
    matrix = np.abs(far[:, None] - far[None, :])
    low, high = statistics.mean_over_pairs([matrix], rng)["interval"]
    pairs = matrix[np.triu_indices(8, 1)]
    assert high - low > 1.5 * 2 * 1.96 * pairs.std(ddof=1) / np.sqrt(len(pairs))


def test_distribution_variance_takes_out_the_noise_of_the_validation_set():
    """Jordan 2024: runs that are equally good, and err on independent frames, do not differ on new data."""
    rng = generator()
    equal = [statistics.distribution_variance(rng.random((20, 400)) < 0.8) for _ in range(200)]
    assert np.mean(equal) == pytest.approx(0, abs=3 * np.std(equal) / np.sqrt(200))
    rates = 0.8 + 0.05 * rng.normal(size=(200, 30))
    differing = [statistics.distribution_variance(rng.random((30, 400)) < each[:, None]) for each in rates]
    assert np.mean(differing) == pytest.approx(0.05**2, rel=0.1)


def test_distribution_variance_with_groups_is_that_of_the_groups_means():
    correct = generator().random((5, 12)) < 0.7
    groups = np.repeat(np.arange(4), 3)
    errors = 1 - correct.reshape(5, 4, 3).mean(axis=2)
    by_hand = 4 / 3 * (errors.mean(axis=1).var(ddof=1) - errors.var(axis=0, ddof=1).sum() / 16)
    assert statistics.distribution_variance(correct, groups) == pytest.approx(by_hand)
    assert statistics.distribution_variance(correct[:1]) is None


def test_superiority_counts_ties_half():
    better = statistics.probability_of_superiority(
        np.array([1.0, 2.0, 3.0, 3.0]), np.array([0.0, 2.0, 1.0, 4.0]), generator()
    )
    assert better["probability"] == pytest.approx(2.5 / 4)
    always = statistics.probability_of_superiority(np.ones(8), np.zeros(8), generator())
    assert always["significant"] and always["meaningful"] and always["interval"] == [1, 1]


def test_sign_flips_are_all_listed():
    differences = np.array([1.0, 2.0, 3.0, 4.0, 5.0, -0.5])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((1, -1), repeat=6)]
    by_hand = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    assert statistics.sign_flip_p(differences, generator()) == pytest.approx(by_hand)
    assert statistics.sign_flip_p(np.arange(1.0, 7), generator()) == 2 ** (1 - 6)


def test_five_pairs_have_no_p_value():
    assert statistics.sign_flip_p(np.ones(5), generator()) is None


def test_sign_flips_hold_their_level():
    rng = generator()
    p = [statistics.sign_flip_p(rng.normal(size=8), rng) for _ in range(TRIALS)]
    assert 0.03 < np.mean(np.array(p) <= 0.05) < 0.07
    assert statistics.sign_flip_p(rng.normal(1, 1, 40), rng) < 0.01


def test_sobol_indices_of_the_ishigami_function():
    """Ishigami & Homma 1990: S = .3139, .4424, 0 and S_T = .5576, .4424, .2437."""
    problem = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[-np.pi, np.pi]] * 3}
    rows = sobol_design.sample(problem, 4096, calc_second_order=False, seed=0)
    values = Ishigami.evaluate(rows)
    shares = statistics.sobol_indices(problem, values, generator())
    assert statistics.sobol_indices(problem, values, generator()) == shares
    assert [each["first"] for each in shares.values()] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.02)
    assert [each["total"] for each in shares.values()] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)


def crossed(rng, split, seed, rest=1.0, shape=(6, 8)):
    return (
        split * rng.normal(size=(shape[0], 1)) + seed * rng.normal(size=(1, shape[1])) + rest * rng.normal(size=shape)
    )


def test_variance_components_by_hand():
    # Rows 1, 3; columns 1.5, 2.5; nothing left: MS_split = 2 x (1 + 1) = 4, MS_seed = 2 x (.25 + .25) = 1.
    components = statistics.variance_components(np.array([[0.5, 1.5], [2.5, 3.5]]), generator())
    assert components["split"]["variance"] == pytest.approx(2)
    assert components["seed"]["variance"] == pytest.approx(0.5)
    assert components["rest"]["variance"] == pytest.approx(0, abs=1e-12)


def test_the_interval_of_a_component_covers_it_as_often_as_it_says():
    rng = generator()
    covered = np.zeros(3)
    for _ in range(300):
        components = statistics.variance_components(crossed(rng, 2.0, 1.0), rng)
        for number, (name, truth) in enumerate((("split", 2.0), ("seed", 1.0), ("rest", 1.0))):
            low, high = components[name]["interval"]
            covered[number] += low <= truth <= high
    # 95 % of 300 within three standard errors; the generalised interval errs on the long side.
    assert np.all(covered / 300 > 0.91)


def test_a_component_of_zero_is_found_to_be_zero():
    rng = generator()
    found = [statistics.variance_components(crossed(rng, 0.0, 1.0), rng)["split"] for _ in range(300)]
    assert np.mean([each["interval"][0] == 0 for each in found]) > 0.95
    assert 0.4 < np.mean([each["variance"] == 0 for each in found]) < 0.8
    assert all((each["note"] is not None) == (each["variance"] == 0) for each in found)


def test_components_of_one_split_are_not_estimable_and_say_so():
    components = statistics.variance_components(np.ones((1, 5)), generator())
    assert components["split"]["variance"] is None and "not estimable" in components["split"]["note"]


def test_a_paired_ratio_is_the_geometric_mean_with_the_interval_of_the_logs():
    reference, arm = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.5, 0.8, 2.4, 2.0])
    found = statistics.paired_ratio(arm, reference)
    logs = np.log(arm / reference)
    test = scipy.stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert found["ratio"] == pytest.approx(scipy.stats.gmean(arm / reference))
    assert found["interval"] == pytest.approx([np.exp(test.low), np.exp(test.high)])


def test_a_ratio_to_zero_and_a_single_pair_have_none():
    assert statistics.paired_ratio(np.array([1.0, 1.0]), np.array([0.0, 1.0])) is None
    assert statistics.paired_ratio(np.array([1.0]), np.array([2.0])) is None
    assert statistics.mean_interval(np.array([1.0])) is None
