"""The main job once, where it can be watched: prompts to records to a dataset that is loaded."""

import os
import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
from rich.text import Text

from app import shell
from app.datasets.fetch.pull import pull
from app.jobs.progress.watch import watch_until_ended
from app.local.up import TEACHER, Up, address
from app.names import DEFAULT_NAMESPACE, Ref
from app.settings import Settings

NAME = "demo"
RECORDS = 64
TOPICS = Path(__file__).with_name("topics.txt")
TOPICS_A_RUN = 40
"""A small model asks the same of a topic again and again; other topics keep it going."""
SHOWN = 3


def demo(running: Up, settings: Settings) -> None:
    """All of it over HTTP, as anybody would. Problems end the command with an exit code."""
    if find_spec("datasets") is None:
        shell.fail("the demo loads what it makes with `datasets`", "pip install 'limbeck[demo]'")
    with shell.client() as client:
        job = shell.check(client.post("/v1/jobs", json=document(running)))
        job = watch_until_ended(client, job["id"])
        if job["state"] != "finished" or not job["ledger"]["accepted"]:
            shell.fail(f"the job {job['state']}: {job['reason']}", f"GET /v1/jobs/{job['id']}")
        # It takes as long to stop as all that follows.
        running.supervisor.dismiss(TEACHER)
        manifest = _publish(client)
        version = manifest["version"]
        target = settings.data_dir / "demo" / f"{NAME}-v{version}"
        folder = pull(client, Ref(DEFAULT_NAMESPACE, NAME, version), target)
    _show(manifest, folder, load(folder, settings.data_dir / "demo" / "cache"))
    shell.out.print(
        "\n`limbeck up` starts all of this again and stays; its pages are at "
        f"{address(settings.host, settings.port)}/docs."
    )


def document(running: Up) -> dict[str, Any]:
    """The job. Topics and random seed are drawn anew: the corpus stays, and wants what is new."""
    chance = secrets.SystemRandom()
    sampling: dict[str, Any] = {"temperature": 1.0}
    if running.served is not None:
        # A CPU sorts the whole vocabulary for top_p: a third of its tokens a second.
        sampling |= {"top_p": 1.0, "top_k": 50}
    return {
        "corpus": NAME,
        "teacher": running.teacher,
        "template": "question-answer",
        "few_shot": {"set": "question-answer", "k": 6, "rotate": "none"},
        "seeds": {
            "matrix": {
                "topic": chance.sample(TOPICS.read_text().split(), TOPICS_A_RUN),
                "level": {"easy": 2, "medium": 2, "hard": 1},
            },
            "random_seed": chance.randrange(2**31),
        },
        "sampling": sampling,
        "num_records": RECORDS,
    }


def _publish(client: httpx.Client) -> dict[str, Any]:
    new = {"name": NAME, "corpus": NAME, "description": "Questions and answers from the demo."}
    shell.check(client.post("/v1/datasets", json=new))
    url = f"/v1/datasets/{DEFAULT_NAMESPACE}/{NAME}/versions"
    made: dict[str, Any] = shell.check(
        client.post(url, json={"splits": {"train": 0.9, "validation": 0.1}})
    )
    return made


def load(folder: Path, cache: Path) -> Any:
    """What a trainer does: stock `datasets`, on the folder that was pulled."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HOME", str(cache))
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset(str(folder), cache_dir=str(cache))


def _show(manifest: dict[str, Any], folder: Path, loaded: Any) -> None:
    shell.out.print(
        f"\nPublished [bold]{manifest['dataset']}@{manifest['version']}[/]: "
        f"{manifest['rows']} rows, pulled into {folder}"
    )
    shell.out.print(f">>> load_dataset({str(folder)!r})", markup=False)
    shell.out.print(str(loaded), markup=False)
    for row in loaded["train"].shuffle().select(range(SHOWN)):
        shell.out.print()
        for name in ("topic", "level", "question", "answer"):
            shell.out.print(Text.assemble((f"{name:>9}  ", "bold"), str(row[name])))
