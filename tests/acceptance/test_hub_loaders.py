"""`load_dataset`, pandas, fsspec and Polars as they come, of two generations, on a live server."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.client import older
from tests.acceptance.hub import FULL_SHARD, Hub
from tests.acceptance.wire import Asked

pytestmark = pytest.mark.xdist_group("hub")
SPLITS = {"train": 0.8, "validation": 0.2}
STORY = """
from datasets import load_dataset
from huggingface_hub import HfFileSystem
import pandas

def rows(*arguments, **named):
    loaded = load_dataset(*arguments, **named)
    return sorted(row["question"] for split in loaded.values() for row in loaded[split.split])

def load(name, *arguments, **named):
    chapter(f"{generation}-{name}")
    loaded = load_dataset(*arguments, **named)
    return {split: sorted(part["question"]) for split, part in loaded.items()}

def stream(name, *arguments, **named):
    chapter(f"{generation}-{name}")
    streamed = load_dataset(*arguments, split="train", streaming=True, **named)
    return [sorted(streamed.features), sorted(row["question"] for row in streamed)]

generation, commit = os.environ["GENERATION"], os.environ["COMMIT"]
told = {
    "cold": load("cold", "team/faq", revision="v1"),
    "warm": load("warm", "team/faq", revision="v1"),
    "commit": load("commit", "team/faq", revision=commit),
    "alias": load("alias", "team/faq.v1"),
    "alias again": load("alias-again", "team/faq.v1"),
    "main": load("main", "team/faq"),
    "streamed": stream("streamed", "team/faq", revision="v1"),
    "streamed alias": stream("streamed-alias", "team/faq.v1"),
}
chapter(f"{generation}-frames")
files = HfFileSystem()
[shard] = files.glob("datasets/team/faq@v1/data/train-*.parquet")
told["pandas"] = sorted(pandas.read_parquet(f"hf://{shard}")["question"])
told["listed"] = [entry["name"] for entry in files.ls("datasets/team/faq.v1", detail=True)]
told["modified"] = str(files.modified("datasets/team/faq@v1/README.md"))
try:
    import polars
except ImportError:
    pass
else:
    told["polars"] = sorted(polars.read_parquet(files.open(shard))["question"])
tell(**told)
"""


@pytest.fixture(scope="module")
def versions(hub: Hub) -> list[dict[str, Any]]:
    return [
        hub.published("team/faq", 30, splits=SPLITS),
        hub.published("team/faq", 5),
    ]


@pytest.fixture(scope="module", params=["current", "older"])
def generation(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """Its name and its python."""
    return request.param, Path(sys.executable) if request.param == "current" else older()


@pytest.fixture(scope="module")
def story(hub: Hub, versions: list[dict[str, Any]], generation: tuple[str, Path]) -> Any:
    """What one process saw, and by chapter what it asked for."""
    name, python = generation
    client = hub.client(python=python)
    told = client.run(STORY, GENERATION=name, COMMIT=versions[0]["commit"])
    asked = {
        chapter.removeprefix(f"{name}-"): asked
        for chapter, asked in hub.chapters().items()
        if chapter.startswith(name)
    }
    return told, asked


def bytes_of(asked: list[Asked]) -> list[str]:
    return [one.file for one in asked if one.is_file]


def test_a_version_loads_by_tag_commit_and_alias(story: Any) -> None:
    told, asked = story
    questions = sorted(question for split in told["cold"].values() for question in split)
    assert questions == sorted(f"What is {n}?" for n in range(30))
    assert set(told["cold"]) == {"train", "validation"}
    for name in ("warm", "commit", "alias", "alias again"):
        assert told[name] == told["cold"], name
    assert sorted(bytes_of(asked["cold"])) == [
        "README.md",
        "train-00000-of-00001.parquet",
        "validation-00000-of-00001.parquet",
    ]


def test_what_is_in_the_cache_is_not_transferred_again(story: Any) -> None:
    _, asked = story
    for name in ("warm", "commit", "alias-again"):
        assert asked[name], name
        assert bytes_of(asked[name]) == [], name


def test_main_is_the_newest_version(story: Any) -> None:
    told, _ = story
    assert sum(len(split) for split in told["main"].values()) == 35


def test_a_version_is_streamed_with_its_columns_known(story: Any) -> None:
    told, asked = story
    for name in ("streamed", "streamed alias"):
        columns, questions = told[name]
        assert columns == ["answer", "question"]
        assert questions == told["cold"]["train"]
    ranges = [one.range for one in asked["streamed"] if one.is_data]
    assert ranges
    assert all(ranges)


def test_data_frames_read_a_shard_in_place(story: Any) -> None:
    told, _ = story
    assert told["pandas"] == told["cold"]["train"]
    assert told.get("polars", told["pandas"]) == told["pandas"]
    assert told["modified"].startswith("20")
    listed = {name.rpartition("/")[2] for name in told["listed"]}
    assert {"README.md", "data", "manifest.json"} <= listed


def test_the_next_version_transfers_only_what_is_new(hub: Hub) -> None:
    script = """
from datasets import load_dataset
for version in (1, 2):
    chapter(f"growing-{version}")
    rows = load_dataset("team/growing", revision=f"v{version}", split="train")
    assert len(rows) == {1: 25_010, 2: 25_020}[version], len(rows)
tell(done=True)
"""
    hub.published("team/growing", FULL_SHARD + 10)
    hub.published("team/growing", 10)
    hub.client().run(script)
    asked = hub.chapters()
    assert sorted(bytes_of(asked["growing-1"])) == [
        "README.md",
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ]
    assert sorted(bytes_of(asked["growing-2"])) == ["README.md", "train-00001-of-00002.parquet"]


WARM = """
from datasets import load_dataset
for name, revision in (("team/gone", "v1"), ("team/gone.v1", None), ("team/gone", None)):
    load_dataset(name, revision=revision)
tell(done=True)
"""
WITHDRAWN = """
from datasets import load_dataset
from huggingface_hub import snapshot_download
tell(
    folder=error(snapshot_download, "team/gone.v1", repo_type="dataset"),
    tag=error(load_dataset, "team/gone", revision="v1"),
    alias=error(load_dataset, "team/gone.v1"),
    pinned=error(load_dataset, "team/gone.v1", revision="v1"),
    streamed=error(load_dataset, "team/gone.v1", streaming=True),
    main=len(load_dataset("team/gone", split="train")),
)
"""
FROM_ITS_CACHE = {"tag", "alias", "pinned", "streamed"}
"""What `datasets` 3.6 answers from its cache, if it has anything there, whatever the error is."""


def test_a_client_is_told_that_a_version_was_withdrawn(
    hub: Hub, generation: tuple[str, Path]
) -> None:
    name, python = generation
    dataset = f"team/gone-{name}"
    hub.published(dataset, 4)
    hub.published(dataset, 3)
    warm, cold = hub.client(python=python), hub.client(python=python)
    warm.run(WARM.replace("team/gone", dataset))
    hub.withdraw(dataset, 1, "the seeds held customers' names: Zoë's, too")
    for client in (warm, cold):
        told = client.run(WITHDRAWN.replace("team/gone", dataset))
        assert told.pop("main") == 7
        if client is warm and name == "older":
            told = {asked: told[asked] for asked in told.keys() - FROM_ITS_CACHE}
        for asked, chain in told.items():
            assert not isinstance(chain, str), (asked, chain)
            said = "\n".join(chain)
            # `datasets` 3.6 leaves out why.
            if name == "current" or asked == "folder":
                assert "was withdrawn: the seeds held customers' names" in said, (asked, said)
            else:
                assert "doesn't exist" in said, (asked, said)
