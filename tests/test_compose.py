"""What docker-compose.yml promises, read without Docker; its own client has a say where it is."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).parent.parent
GIVEN = {"POSTGRES_PASSWORD": "test"}
SERVICES = ("postgres", "migrate", "api", "worker", "teacher")
LASTING = ("postgres", "api", "worker", "teacher")
OURS = ("migrate", "api", "worker")
PREFIX = Settings.model_config["env_prefix"]

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?(?P<needed>[^}]*))?\}")


def interpolated(text: str) -> str:
    """Compose's `${NAME:-default}` and `${NAME:?message}`, with only `GIVEN` in the environment."""

    def value(found: re.Match[str]) -> str:
        if found["name"] in GIVEN:
            return GIVEN[found["name"]]
        assert found["default"] is not None, f"{found['name']} has no default"
        return found["default"]

    return VARIABLE.sub(value, text)


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(interpolated(text))
    return read


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert sorted(compose["services"]) == sorted(SERVICES)
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_has_a_health_check_a_grace_period_and_is_restarted(
    services: dict[str, Any], name: str
) -> None:
    service = services[name]
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert seconds(check["timeout"]) <= seconds(check["interval"])
    assert seconds(check["start_period"]) > 0
    assert seconds(service["stop_grace_period"]) > 0
    assert service["restart"] == "unless-stopped"


def test_only_the_api_is_published_and_only_on_loopback(services: dict[str, Any]) -> None:
    published = {name: s["ports"] for name, s in services.items() if "ports" in s}
    assert list(published) == ["api"]
    for port in published["api"]:
        address, outside, inside = port.rsplit(":", 2)
        assert ip_address(address).is_loopback
        assert outside.isdigit()
        assert inside == services["api"]["environment"]["LIMBECK_PORT"]


def test_nothing_starts_before_the_database_is_at_this_version(services: dict[str, Any]) -> None:
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("api", "worker"):
        waits = services[name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
        assert waits["postgres"] == {"condition": "service_healthy"}
    assert services["migrate"]["restart"] == "no"


def test_the_teacher_needs_its_profile_and_nobody_waits_for_it(services: dict[str, Any]) -> None:
    assert services["teacher"]["profiles"] == ["gpu"]
    assert not any("profiles" in services[name] for name in SERVICES if name != "teacher")
    assert not any("teacher" in s.get("depends_on", {}) for s in services.values())


def test_the_teacher_drains_within_its_grace_period(services: dict[str, Any]) -> None:
    told = dict(part.split("=", 1) for part in services["teacher"]["command"] if "=" in part)
    drain = int(told["--shutdown-timeout"])
    assert drain < seconds(services["teacher"]["stop_grace_period"])


def test_a_worker_hands_back_within_its_grace_period(services: dict[str, Any]) -> None:
    grace = float(services["worker"]["environment"]["LIMBECK_GRACE_SECONDS"])
    assert grace < seconds(services["worker"]["stop_grace_period"])


def test_workers_can_be_many(services: dict[str, Any]) -> None:
    worker = services["worker"]
    assert worker["deploy"]["replicas"] >= 1
    assert "container_name" not in worker
    assert "ports" not in worker


def test_the_api_and_the_workers_share_the_data_directory(
    services: dict[str, Any], compose: dict[str, Any]
) -> None:
    for name in ("api", "worker"):
        place = services[name]["environment"]["LIMBECK_DATA_DIR"]
        assert f"data:{place}" in services[name]["volumes"]
    assert "data" in compose["volumes"]


def test_the_services_own_containers_are_without_privileges(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service.get("privileged")
    assert re.search(r"^USER (?!root)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_callers_from_the_compose_network_and_no_other_are_local(
    services: dict[str, Any], compose: dict[str, Any]
) -> None:
    [pool] = compose["networks"]["default"]["ipam"]["config"]
    settings = Settings(
        _env_file=None,
        local_networks=services["api"]["environment"]["LIMBECK_LOCAL_NETWORKS"],
        allowed_hosts=services["api"]["environment"]["LIMBECK_ALLOWED_HOSTS"],
    )
    subnet = ip_network(pool["subnet"])
    assert subnet.is_private
    assert subnet in settings.local_networks
    assert all(n == subnet or n.is_loopback for n in settings.local_networks)
    assert "localhost" in settings.allowed_hosts
    assert "*" not in settings.allowed_hosts


def test_every_setting_that_is_given_exists_and_is_accepted(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS:
        given = {k: v for k, v in services[name]["environment"].items() if k.startswith(PREFIX)}
        known = {PREFIX + field.upper() for field in Settings.model_fields}
        assert set(given) <= known, name
        with monkeypatch.context() as patch:
            for key, value in given.items():
                patch.setenv(key, value)
            settings = Settings(_env_file=None)
        assert settings.database_url == "postgresql://limbeck:test@postgres:5432/limbeck"


def test_the_example_environment_names_every_variable_and_no_other(text: str) -> None:
    example = (ROOT / ".env.example").read_text()
    named = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    used: dict[str, str | None] = {}
    for found in VARIABLE.finditer(text):
        assert used.setdefault(found["name"], found["default"]) == found["default"], found["name"]
    assert named.keys() == used.keys()
    for name, default in used.items():
        assert named[name] == (default or ""), name


def test_the_password_has_no_default(text: str) -> None:
    assert {f["needed"] is not None for f in VARIABLE.finditer(text) if f["name"] in GIVEN} == {
        True
    }


def test_the_database_outlives_its_container(services: dict[str, Any]) -> None:
    # The image of version 18 keeps a folder per major version below this one.
    assert services["postgres"]["image"].endswith(":pg18")
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]


def worker_is_healthy(services: dict[str, Any], url: str) -> bool:
    command, *rest = services["worker"]["healthcheck"]["test"][1:]
    assert command == "python"
    ended = subprocess.run(
        [sys.executable, *rest],
        env={**os.environ, "LIMBECK_DATABASE_URL": url},
        check=False,
        timeout=timedelta(seconds=30).total_seconds(),
    )
    return ended.returncode == 0


@pytest.fixture
def asking(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, application_name="limbeck", autocommit=True) as connection:
        yield connection


def test_a_worker_that_asks_the_database_is_healthy(
    services: dict[str, Any], database_url: str, asking: psycopg.Connection
) -> None:
    asking.execute("SELECT 1")
    assert worker_is_healthy(services, database_url)
    asking.close()
    assert not worker_is_healthy(services, database_url)


def test_the_docker_client_accepts_it() -> None:
    docker = shutil.which("docker")
    has_compose = (
        docker is not None
        and subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
        == 0
    )
    if docker is None or not has_compose:
        pytest.skip("docker compose is not installed; the other tests read the file themselves")
    shown = subprocess.run(
        [docker, "compose", "--profile", "gpu", "config", "--format", "json"],
        cwd=ROOT,
        env={**os.environ, **GIVEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert sorted(json.loads(shown.stdout)["services"]) == sorted(SERVICES)
