"""Random troubles, by one number. More of them: `python -m scripts.chaos --jobs 100`."""

import random
from pathlib import Path

from tests.acceptance.chaos import SAMPLES, Chaos


def test_short_jobs_lose_and_double_nothing_whatever_breaks(tmp_path: Path) -> None:
    outcome = Chaos(tmp_path, jobs=8, chance=random.Random(7)).run()
    assert [job["state"] for job in outcome.jobs] == ["finished"] * 8
    assert sum(job["ledger"]["accepted"] for job in outcome.jobs) == 8 * SAMPLES
    assert len(outcome.troubles) >= 5, outcome.troubles
    assert outcome.asked_again <= outcome.most_asked_again
