"""What it costs to load a version over the Hub's protocol, against the same files from a folder.

    python -m benchmarks.pull                # 100,000 rows of 1.5 kB, 9 rounds
    python -m benchmarks.pull --rows 10000

Stock `load_dataset` in a fresh process with an empty cache, imports not counted. Three take turns:
the folder; the service, which is the API that ships, a process of its own on this machine; and the
floor, a server that does nothing but send the service's answers again, as they were. What the floor
takes beyond the folder is the client's own; what the service takes beyond the floor is ours. Each
figure is the median of its rounds. `--json FILE` writes them.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path

import psutil

from app import migrate
from app.local import postgres
from benchmarks.replay import Replay
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
    parser.add_argument("--rounds", type=int, default=9)
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
    hub.service.client.timeout = 600
    version = hub.publish("bench/rows")
    # Not over the wire that reads along: it is slower than what is measured.
    service = f"http://127.0.0.1:{hub.service.port}/hf"
    puller = Client(folder / "puller", service)
    code, said = puller.hf(
        "download", "bench/rows.v1", "--repo-type", "dataset", "--local-dir", "pulled"
    )
    assert code == 0, said
    api = psutil.Process(hub.service.processes[0].pid)
    seen: dict[tuple[str, str], list[float]] = {}
    with Replay(hub.service.port) as replay:
        floor = f"http://127.0.0.1:{replay.port}/hf"
        places = {
            "folder": (service, str(puller.home / "pulled")),
            "floor": (floor, "bench/rows.v1"),
            "service": (service, "bench/rows.v1"),
        }
        _load(folder, "recording", *places["floor"], rows)
        for _ in range(rounds):
            for name, (endpoint, place) in places.items():
                before = _cpu(api)
                told = _load(folder, name, endpoint, place, rows)
                if name == "service":
                    told["CPU seconds of the API"] = _cpu(api) - before
                for what, value in told.items():
                    seen.setdefault((what, name), []).append(value)
    median = {key: statistics.median(values) for key, values in seen.items()}
    size = sum(each["size"] for each in version["files"] if each["split"])
    return {
        "rows": rows,
        "MB in files": size / 1e6,
        **{f"{name}: {what}": value for (what, name), value in median.items()},
        **{
            f"{name} / {other}: {what}": value / median[what, other]
            for name, other in (("service", "folder"), ("floor", "folder"), ("service", "floor"))
            for (what, each), value in median.items()
            if each == name and (what, other) in median
        },
    }


def _load(folder: Path, name: str, endpoint: str, place: str, rows: int) -> dict[str, float]:
    """What two fresh processes with an empty cache tell: one loads, twice, the other streams."""
    told: dict[str, float] = {}
    for script in (LOAD, STREAM):
        client = Client(folder / name, endpoint)
        told |= client.run(script, PLACE=place, ROWS=str(rows))
        shutil.rmtree(client.home)
    return told


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
