"""Short jobs while everything around them breaks at random: is anything lost or doubled?

    python -m scripts.chaos --jobs 100 --random-seed 7

Prints what was done to them and what became of them; exits 1 where a job did not get all of its
records, an account did not match its rows, or more was asked again than was in flight when
something broke.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.acceptance.chaos import Chaos


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--random-seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="limbeck-chaos-") as folder:
        outcome = Chaos(Path(folder), asked.jobs, random.Random(asked.random_seed)).run()
    whole = len(outcome.jobs) - len(outcome.short)
    print(f"{len(outcome.jobs)} jobs in {time.monotonic() - began:.0f} s, {whole} with all records")
    for state, ledger, reasons in outcome.short:
        print(f"{state}: {ledger} {reasons}")
    print(f"troubles: {dict(Counter(outcome.troubles))}")
    print(f"asked again: {outcome.asked_again}, at most {outcome.most_asked_again} allowed")
    if outcome.short or outcome.asked_again > outcome.most_asked_again:
        sys.exit(1)


if __name__ == "__main__":
    main()
