"""A fake teacher as a process of its own: prints one JSON line with its address, then serves.

python -m tests.fake_teacher --port 0 --script mixed --random-seed 7
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.fake_teacher.abilities import ALL
from tests.fake_teacher.teacher import FakeTeacher


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_teacher")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="fake")
    parser.add_argument("--script", choices=["good", "mixed"], default="good")
    parser.add_argument("--random-seed", type=int, default=1)
    parser.add_argument("--good", type=float, default=0.6, help="share of good replies when mixed")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--schema", type=Path, help="JSON Schema that good replies fit")
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(ALL))
    given = parser.parse_args()
    fake = FakeTeacher(given.model, latency=given.latency, abilities=ALL - frozenset(given.without))
    schema = json.loads(given.schema.read_text()) if given.schema else None
    if given.script == "mixed":
        fake.mixes(given.random_seed, good=given.good, schema=schema)
    elif schema is not None:
        fake.mixes(given.random_seed, good=1.0, schema=schema)
    # Blocked before the server's thread starts, so that the thread inherits it.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with fake.start(given.port):
        sys.stdout.write(json.dumps({"url": fake.url, "model": fake.model}) + "\n")
        sys.stdout.flush()
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
