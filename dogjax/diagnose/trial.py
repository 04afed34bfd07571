"""Plans the study that tests the changes: all of them together, on a fold that played no part in finding them."""

from collections.abc import Iterable, Mapping
from typing import Any

from dogjax.config import Config

ARM = "diagnosed"
# The fewest pairs with which a sign-flip test can give a two-sided p below .05: 2^(1-6) = .031.
SEEDS = 6
QUESTION = (
    "Do these changes calm the curve? This study trains the run as it is, and with every fix for its jumps, with the "
    f"same {SEEDS} seeds. Add to the run's command, with a new --workdir:"
)


def trial_fields(config: Config, causes: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Plans the study that trains the run as it is and with the fixes for its jumps, with common seeds.

    It takes the split that does not leak, where one was found, as the run's own seed draws it, and in it the fold after
    the run's own: what was diagnosed is not what is scored, whatever the seed.

    Args:
      config: of the run.
      causes: of its curve, as `diagnosis.json` has them.

    Returns:
      Fields of the configuration and their values; None if no cause of the jumps has a fix.
    """
    causes = list(causes)
    fixes = {field: value for cause in causes if cause["explains"] == "jumps" for field, value in cause["fix"].items()}
    if not fixes:
        return None
    honest = {
        field: value for cause in causes if cause["name"] == "leaky_split" for field, value in cause["fix"].items()
    }
    seed, fold = config.seeds.split, (config.split.fold + 1) % config.split.folds
    drawn = {"seeds.split": config.seed if seed is None else seed, "split.fold": fold}
    study = {"study.kind": "arms", "study.replicates": SEEDS, "study.arms": ((ARM, tuple(fixes.items())),)}
    return honest | drawn | study
