"""A version is the same for everybody who pulls it, whatever happens meanwhile."""

import hashlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx

from tests.acceptance.service import Service, eventually
from tests.acceptance.test_durability import spec
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE

PULLS, ROWS = 50, 1_000
VERSION = "/v1/datasets/default/faq/versions/1"


def pulled(service: Service) -> str:
    """A hash of the manifest and of a shard, as one client gets them."""

    def look() -> str | None:
        with suppress(httpx.TransportError):
            manifest = service.client.get(f"{VERSION}/manifest")
            [path] = [each["path"] for each in manifest.json()["files"] if each["split"]]
            shard = service.client.get(f"{VERSION}/files/{path}")
            assert (manifest.status_code, shard.status_code) == (200, 200)
            return hashlib.sha256(manifest.content + shard.content).hexdigest()
        return None

    return eventually(look)


def test_fifty_pulls_while_a_job_writes_and_the_api_dies_have_one_hash(service: Service) -> None:
    with FakeTeacher(latency=0.3) as fake:
        service.prepare(fake, TEMPLATE, max_in_flight=8)
        service.worker()
        rows = [{"topic": f"topic number {number}"} for number in range(ROWS)]
        more = {"num_records": ROWS, "limits": {"max_candidates": ROWS}}
        job_id = service.post("/v1/jobs", spec(seeds={"rows": rows}, **more))["id"]
        eventually(lambda: service.job(job_id)["ledger"]["accepted"] >= 20)
        service.post("/v1/datasets", {"name": "faq", "corpus": "faq"})
        first = service.post("/v1/datasets/default/faq/versions", {})
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(pulled, service) for _ in range(PULLS // 2)]
            eventually(waiting[8].done)
            os.kill(service.processes[0].pid, signal.SIGKILL)
            service.processes[0].wait()
            waiting += [pool.submit(pulled, service) for _ in range(PULLS - len(waiting))]
            service.serve()
            hashes = {each.result() for each in waiting}
        assert len(hashes) == 1
        second = service.post("/v1/datasets/default/faq/versions", {})
        assert second["rows"] > first["rows"]
        assert service.job(job_id)["state"] == "running"
        service.post(f"/v1/jobs/{job_id}/cancel", {})
        service.ended(job_id)
