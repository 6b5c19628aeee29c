"""`hf` and `huggingface_hub` as they come, on a live server."""

import pytest

from tests.acceptance.client import older
from tests.acceptance.hub import Hub, incompressible

pytestmark = pytest.mark.xdist_group("hub")
BLOCK = 10 << 20
"""Clients write downloads in steps of this size, and go on from the last whole one."""


@pytest.fixture(scope="module")
def commit(hub: Hub) -> str:
    """Of team/docs@1."""
    made = hub.published("team/docs", 20, splits={"train": 0.5, "validation": 0.5})
    return str(made["commit"])


@pytest.fixture(scope="module")
def large(hub: Hub) -> str:
    """The sha256 of the one shard of team/large@1, of more than a block."""
    hub.add("team/large", incompressible(2_000, 8_000))
    made = hub.publish("team/large")
    [shard] = [each for each in made["files"] if each["split"]]
    assert shard["size"] > BLOCK
    return str(shard["sha256"])


def test_hf_downloads_a_version_and_verifies_every_hash(hub: Hub, commit: str) -> None:
    client = hub.client()
    code, said = client.hf("download", "team/docs.v1", "--repo-type", "dataset", "--local-dir", "d")
    assert code == 0, said
    files = {
        str(path.relative_to(client.home / "d"))
        for path in client.home.glob("d/**/*.*")
        if path.is_file() and ".cache" not in path.parts
    }
    assert {"README.md", "manifest.json", "data/train-00000-of-00001.parquet"} <= files
    code, said = client.hf("download", "team/docs", "--repo-type", "dataset", "--revision", "v1")
    assert code == 0, said
    assert commit in said
    for where in (("team/docs.v1", "--local-dir", "d"), ("team/docs", "--revision", "v1")):
        code, said = client.hf("cache", "verify", "--repo-type", "dataset", *where)
        assert code == 0, said
        assert f"{len(files)} file" in said, said
    shard = client.home / "d/data/train-00000-of-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    code, said = client.hf(
        "cache", "verify", "--repo-type", "dataset", "team/docs.v1", "--local-dir", "d"
    )
    assert code != 0
    assert "train-00000-of-00001.parquet" in said


QUESTIONS = """
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
api, of = HfApi(), {"repo_type": "dataset"}
refs = api.list_repo_refs("team/docs", **of)
tell(
    main=refs.branches[0].target_commit,
    tags=[tag.name for tag in refs.tags],
    commits=[each.commit_id for each in api.list_repo_commits("team/docs", revision="v1", **of)],
    files=api.list_repo_files("team/docs.v1", **of),
    tree=[each.path for each in api.list_repo_tree("team/docs", revision="v1", **of)],
    paths=[each.path for each in api.get_paths_info("team/docs", ["data", "no"], **of)],
    sizes=[file.size for file in api.dataset_info("team/docs", files_metadata=True).siblings],
    exists=[api.repo_exists("team/docs", **of), api.repo_exists("team/no", **of)],
    tag=[api.revision_exists("team/docs", tag, **of) for tag in ("v1", "v7")],
    file=[api.file_exists("team/docs", name, **of) for name in ("README.md", "no.md")],
    listed=[each.id for each in api.list_datasets(search="docs")],
    authors=[each.id for each in api.list_datasets(author="nobody")],
    allowed=api.auth_check("team/docs", **of),
    me=api.whoami(token="hf_of_another_service")["name"],
    no_repo=error(snapshot_download, "team/no", **of),
    no_name=error(snapshot_download, "squad", **of),
    no_revision=error(snapshot_download, "team/docs", revision="v9", **of),
    odd_revision=error(snapshot_download, "team/docs", revision="refs/convert/parquet", **of),
    no_file=error(hf_hub_download, "team/docs", "no.md", **of),
    model=error(hf_hub_download, "org/model", "config.json"),
)
"""


@pytest.mark.parametrize("generation", ["current", "older"])
def test_the_hub_client_finds_its_way(hub: Hub, commit: str, generation: str) -> None:
    client = hub.client() if generation == "current" else hub.client(python=older())
    told = client.run(QUESTIONS)
    assert told["main"] == commit
    assert told["tags"] == ["v1"]
    assert told["commits"] == [commit]
    assert {
        "README.md",
        "data/train-00000-of-00001.parquet",
        "data/validation-00000-of-00001.parquet",
        "manifest.json",
    } <= set(told["files"])
    assert {"README.md", "data", "manifest.json"} <= set(told["tree"])
    assert told["paths"] == ["data"]
    assert all(size > 0 for size in told["sizes"])
    assert told["exists"] == told["tag"] == told["file"] == [True, False]
    assert told["listed"] == ["team/docs"]
    assert told["authors"] == []
    assert told["allowed"] is None
    assert told["me"] == "local"
    for name in ("no_repo", "no_name", "model"):
        assert "RepositoryNotFoundError" in "\n".join(told[name]), told[name]
    assert "datasets only" in "\n".join(told["model"])
    for name in ("no_revision", "odd_revision"):
        assert "RevisionNotFoundError" in "\n".join(told[name]), told[name]
    assert "EntryNotFoundError" in "\n".join(told["no_file"]), told["no_file"]


def test_a_key_opens_its_namespace_until_it_is_revoked(hub: Hub, commit: str) -> None:
    asked = """
from huggingface_hub import HfApi, hf_hub_download
api, of = HfApi(), {"repo_type": "dataset"}
tell(
    me=error(lambda: api.whoami()["name"]),
    listed=error(lambda: [each.id for each in api.list_datasets(author="team")]),
    pulled=error(hf_hub_download, "team/docs.v1", "manifest.json", **of),
    again=error(hf_hub_download, "team/docs.v1", "README.md", force_download=True, **of),
)
"""
    new = {"name": "ci", "scopes": ["read"]}
    made = hub.service.post("/v1/keys", {**new, "namespaces": ["team"]})
    other = hub.service.post("/v1/keys", {**new, "namespaces": ["other"]})
    client = hub.client(token=made["key"])
    told = client.run(asked)
    assert told["me"] == "no error: key:ci"
    assert "team/docs" in told["listed"]
    assert told["pulled"].endswith("manifest.json")
    hub.service.post(f"/v1/keys/{made['id']}/revoke", {})
    told = client.run(asked)
    assert "Invalid" in str(told["me"])
    assert "RepositoryNotFoundError" in "\n".join(told["again"]), told
    told = hub.client(token=other["key"]).run(asked)
    assert told["me"] == "no error: key:ci"
    assert told["listed"] == "no error: []"
    assert "RepositoryNotFoundError" in "\n".join(told["pulled"]), told


PULL = """
import hashlib, pathlib
from huggingface_hub import snapshot_download
try:
    folder = pathlib.Path(snapshot_download("team/large.v1", repo_type="dataset"))
except Exception as error:
    print(repr(error))
    folder = pathlib.Path(snapshot_download("team/large.v1", repo_type="dataset"))
[shard] = folder.glob("data/*.parquet")
tell(sha256=hashlib.sha256(shard.read_bytes()).hexdigest(), commit=folder.name)
"""


@pytest.mark.parametrize("generation", ["current", "older"])
def test_a_download_that_was_cut_goes_on_where_it_was(
    hub: Hub, large: str, generation: str
) -> None:
    client = hub.client() if generation == "current" else hub.client(python=older())
    before = len(hub.wire.asked)
    hub.wire.cut_after(BLOCK + (1 << 19))
    told = client.run(PULL)
    assert told["sha256"] == large
    asked = [one for one in hub.wire.asked[before:] if one.is_data]
    assert [one.range for one in asked] == [None, f"bytes={BLOCK}-"]


def test_four_pulls_at_once_bring_the_same_bytes(hub: Hub, large: str) -> None:
    clients = [hub.client() for _ in range(4)]
    running = [client.begin(PULL) for client in clients]
    told = [client.finish(process) for client, process in zip(clients, running, strict=True)]
    assert [each["sha256"] for each in told] == [large] * 4
    assert len({each["commit"] for each in told}) == 1
