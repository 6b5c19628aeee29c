"""Random troubles, by one number. More of them: `python -m scripts.chaos --jobs 100`."""

import random
from pathlib import Path

from tests.acceptance.chaos import Chaos


def test_short_jobs_lose_and_double_nothing_whatever_breaks(tmp_path: Path) -> None:
    outcome = Chaos(tmp_path, jobs=8, chance=random.Random(7)).run()
    assert len(outcome.jobs) == 8
    assert not outcome.short
    assert len(outcome.troubles) >= 5, outcome.troubles
    assert outcome.asked_again <= outcome.most_asked_again
