"""What it costs to load a version over the Hub's protocol, against the same files from a folder.

    python -m benchmarks.pull                # 100,000 rows of 1.5 kB, 5 rounds
    python -m benchmarks.pull --rows 10000

Stock `load_dataset` in a fresh process with an empty cache, imports not counted; folder and
service take turns. The API is the one that ships, a process of its own on this machine, so that
both have the same cores and disk. `--json FILE` writes the figures.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import psutil

from app import migrate
from app.local import postgres
from benchmarks.texts import texts
from tests.acceptance.client import Client
from tests.acceptance.hub import Hub

ROW_CHARACTERS = 1_500
BATCH = 5_000
LOAD = """
import time
from datasets import load_dataset
import datasets.packaged_modules.parquet.parquet
times = {}
for name in ("cold", "warm"):
    began, before = time.perf_counter(), time.process_time()
    rows = load_dataset(os.environ["PLACE"], split="train")
    times[f"seconds to load, {name}"] = time.perf_counter() - began
    times[f"CPU seconds of the client, {name}"] = time.process_time() - before
assert len(rows) == int(os.environ["ROWS"]), len(rows)
tell(**times)
"""
STREAM = """
import time
from datasets import load_dataset
began = time.perf_counter()
row = next(iter(load_dataset(os.environ["PLACE"], split="train", streaming=True)))
tell(**{"seconds to the first row of a stream": time.perf_counter() - began})
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as folder:
        running = postgres.start(Path(folder) / "pg")
        try:
            migrate.upgrade(running.url)
            hub = Hub(running.url, Path(folder))
            try:
                figures = _measure(hub, Path(folder), asked.rows, asked.rounds)
            finally:
                hub.close()
        finally:
            running.stop()
    for name, value in figures.items():
        print(f"{name:<52} {value:>10,.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def _measure(hub: Hub, folder: Path, rows: int, rounds: int) -> dict[str, float]:
    _fill(hub, rows)
    version = hub.publish("bench/rows")
    # Not over the wire that reads along: it is slower than what is measured.
    endpoint = f"http://127.0.0.1:{hub.service.port}/hf"
    puller = Client(folder / "puller", endpoint)
    code, said = puller.hf(
        "download", "bench/rows.v1", "--repo-type", "dataset", "--local-dir", "pulled"
    )
    assert code == 0, said
    places = {"folder": str(puller.home / "pulled"), "service": "bench/rows.v1"}
    seen: dict[tuple[str, str], list[float]] = {}
    api = psutil.Process(hub.service.processes[0].pid)
    for number in range(rounds):
        for name, place in places.items():
            client = Client(folder / f"{name}-{number}", endpoint)
            before = _cpu(api)
            told = client.run(LOAD, PLACE=place, ROWS=str(rows))
            told["CPU seconds of the API, cold and warm"] = _cpu(api) - before
            told |= Client(folder / f"{name}-{number}-s", endpoint).run(STREAM, PLACE=place)
            for what, value in told.items():
                seen.setdefault((what, name), []).append(value)
    median = {key: statistics.median(values) for key, values in seen.items()}
    size = sum(each["size"] for each in version["files"] if each["split"])
    return {
        "rows": rows,
        "MB in files": size / 1e6,
        **{f"{name}: {what}": value for (what, name), value in median.items()},
        **{
            f"service / folder: {what}": median[what, "service"] / value
            for (what, name), value in median.items()
            if name == "folder" and "API" not in what
        },
    }


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def _fill(hub: Hub, rows: int) -> None:
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        words = " ".join(texts(count * ROW_CHARACTERS // 200, random_seed=start))
        hub.add(
            "bench/rows",
            [
                {
                    "question": f"{start + n}: {words[at : at + 200]}",
                    "answer": words[at + 200 : at + ROW_CHARACTERS],
                }
                for n, at in enumerate(range(0, count * ROW_CHARACTERS, ROW_CHARACTERS))
            ],
        )


if __name__ == "__main__":
    main()
