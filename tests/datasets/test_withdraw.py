"""A version that was withdrawn: known, with its reason, and not to be had."""

from pathlib import Path
from uuid import UUID

import httpx
import pytest
from typer.testing import CliRunner

from app.datasets.commands import commands
from app.datasets.fetch.pull import pull
from app.errors import AppError
from app.names import Ref

BAD = {"reason": "Template qa@4 asked for miles."}


async def test_a_withdrawn_version_tells_why_and_latest_goes_past_it(
    api: httpx.AsyncClient, faq: str
) -> None:
    for _ in range(2):
        assert (await api.post(f"{faq}/versions", json={})).status_code == 201
    answer = await api.post(f"{faq}/versions/2/withdraw", json=BAD)
    assert answer.json()["withdrawn_because"] == BAD["reason"]
    for what in ("manifest", "files/README.md", "files/manifest.json", "files/no-such-file"):
        refused = await api.get(f"{faq}/versions/2/{what}")
        assert (refused.status_code, refused.json()["code"]) == (410, "dataset.withdrawn")
        assert BAD["reason"] in refused.json()["detail"]
        assert refused.json()["hint"].endswith("is 1.")
    shown = (await api.get(f"{faq}/versions/2")).json()
    assert (shown["version"], shown["withdrawn_because"]) == (2, BAD["reason"])
    assert (await api.get(f"{faq}/versions/latest")).json()["version"] == 1
    assert (await api.get(f"{faq}/versions/latest/files/README.md")).status_code == 200
    assert (await api.get(faq)).json()["latest"] == 1
    assert (await api.get("/v1/datasets")).json()["items"][0]["latest"] == 1
    listed = (await api.get(f"{faq}/versions")).json()["items"]
    assert [each["withdrawn_because"] for each in listed] == [None, BAD["reason"]]
    assert (await api.post(f"{faq}/versions", json={})).json()["version"] == 3


async def test_withdrawing_is_final(api: httpx.AsyncClient, faq: str) -> None:
    assert (await api.post(f"{faq}/versions", json={})).status_code == 201
    first = await api.post(f"{faq}/versions/1/withdraw", json=BAD)
    again = await api.post(f"{faq}/versions/1/withdraw", json=BAD)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await api.post(f"{faq}/versions/1/withdraw", json={"reason": "Never mind."})
    assert (other.status_code, other.json()["code"]) == (409, "dataset.withdrawn_before")
    assert (await api.post(f"{faq}/versions/2/withdraw", json=BAD)).status_code == 404
    assert (await api.post(f"{faq}/versions/1/withdraw", json={"reason": " "})).status_code == 422
    latest = await api.get(f"{faq}/versions/latest/manifest")
    assert (latest.status_code, latest.json()["code"]) == (410, "dataset.withdrawn")


async def test_a_pull_tells_why_and_warns_about_what_it_brought_before(
    served: str, job_id: UUID, tmp_path: Path
) -> None:
    folder = tmp_path / "faq"
    warned: list[str] = []
    for _ in range(2):
        run = CliRunner().invoke(commands, ["publish", "faq"])
        assert run.exit_code == 0, run.output
    with httpx.Client(base_url=served, trust_env=False) as client:
        pull(client, Ref("default", "faq", 2), folder)
        run = CliRunner().invoke(commands, ["withdraw", "faq@2", "--reason", BAD["reason"]])
        assert run.exit_code == 0, run.output
        with pytest.raises(AppError, match=r"asked for miles") as refused:
            pull(client, Ref("default", "faq", 2), folder)
        assert str(folder) in (refused.value.hint or "")
        pull(client, Ref("default", "faq"), folder, warn=warned.append)
        assert warned == [f"default/faq@2, which was here, was withdrawn: {BAD['reason']}"]
        pull(client, Ref("default", "faq"), folder, warn=warned.append)
        assert len(warned) == 1
    run = CliRunner().invoke(commands, ["pull", "faq@2", str(tmp_path / "new")])
    assert run.exit_code == 1
    assert "asked for miles" in run.output
