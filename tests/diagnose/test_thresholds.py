"""The thresholds of a diagnosis: one file, one hash."""

from dogjax.diagnose import findings, honest_split, label_noise, thresholds
from dogjax.diagnose.causes import cause, evidence, learning, score, scoring, sides, steps


def test_the_hash_changes_with_each_threshold(monkeypatch):
    names = [name for name in vars(thresholds) if name.isupper()]
    before = thresholds.thresholds_sha256()
    hashes = {before}
    for name in names:
        with monkeypatch.context() as patch:
            patch.setattr(thresholds, name, getattr(thresholds, name) * 1.01)
            hashes.add(thresholds.thresholds_sha256())
    assert len(hashes) == len(names) + 1
    assert thresholds.thresholds_sha256() == before


def test_every_threshold_is_used():
    users = (cause, evidence, findings, honest_split, label_noise, learning, score, scoring, sides, steps)
    for name in (name for name in vars(thresholds) if name.isupper()):
        assert any(hasattr(user, name) for user in users), name
