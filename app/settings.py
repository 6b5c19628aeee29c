"""Every setting, from the environment (`LIMBECK_…`) or `.env`. Only `main` and `cli` read it."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1024 * 1024


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LIMBECK_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str | None = None
    """Any PostgreSQL of version 16 or later, as `postgresql://user:password@host:port/database`.
    Without it, `limbeck up` runs an embedded one."""

    data_dir: Path = Field(default_factory=lambda: user_data_path("limbeck"))
    """Where files live: published datasets, the embedded database, the local teacher. The API and
    the workers of one installation share it."""

    url: str = "http://127.0.0.1:8000"
    """Where the commands find the API."""

    api_key: SecretStr | None = None
    """The key that the commands show to the API (`lbk_…`); none is needed on its own machine."""

    host: str = "127.0.0.1"
    """The address the API listens on."""

    port: int = Field(default=8000, ge=0, le=65535)
    """The port the API listens on; 0 takes a free one."""

    local_networks: Annotated[list[IPv4Network | IPv6Network], NoDecode] = [
        IPv4Network("127.0.0.0/8"),
        IPv6Network("::1/128"),
    ]
    """Callers from these networks are the local admin if they show no key; everybody else needs
    one. Separated by commas."""

    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["localhost", "127.0.0.1", "[::1]"]
    )
    """Host names the API answers to without a key: a page of another site cannot reach it by
    pointing its own name here. Separated by commas; `*` allows all."""

    public_url: str | None = Field(default=None, pattern=r"^https?://[^/?#]+[^?#]*$")
    """How others reach the API, such as `https://limbeck.example`, for the URLs that it signs; the
    address that a request came to, if it is not said."""

    teacher_url: str | None = None
    """An OpenAI-compatible server for `limbeck up` and `limbeck demo` to use instead of a local
    teacher, such as `http://gpu-box:8000/v1`."""

    teacher_model: str | None = None
    """The model to ask that server for, or for a local vLLM on a GPU to serve."""

    teacher_api_key: str | None = None
    """A reference to the teacher's key: `env:NAME` or `file:PATH`, never the key itself."""

    teacher_home: Path | None = None
    """Where the local teacher is installed, with its weights; `teacher` in the data directory if it
    is not said. Several data directories may share it."""

    teacher_kind: Literal["gpu", "cpu", "light"] | None = None
    """Which local teacher to run: vLLM on an NVIDIA GPU, vLLM's CPU build, or xllamacpp. What the
    machine can do if it is not said."""

    teacher_python: Path | None = None
    """An interpreter that has vLLM, for a local teacher on a GPU; that of the `vllm` command if it
    is not said."""

    torch_index: str | None = None
    """A package index that has CPU builds of torch, where pip's own settings name none."""

    teacher_networks: Annotated[list[IPv4Network | IPv6Network], NoDecode] = []
    """Where teachers may be: with some networks named, no connection is made to any other.
    Link-local and metadata addresses are refused always. Separated by commas."""

    webhook_networks: Annotated[list[IPv4Network | IPv6Network], NoDecode] = []
    """Private networks that webhooks may be sent to; every other address must be public. Separated
    by commas."""

    max_body_bytes: int = Field(default=1 * MIB, ge=1024)
    """The largest request body, but for uploads."""

    max_upload_bytes: int = Field(default=256 * MIB, ge=1024)
    """The largest upload of a seed dataset or an evaluation set."""

    max_reply_bytes: int = Field(default=1 * MIB, ge=1024)
    """The largest reply read from a teacher for one sample; a longer one is cut off and its sample
    rejected as `finish.oversize`."""

    teacher_deadline_seconds: float = Field(default=1800, gt=0)
    """How long one call to a teacher may take in all."""

    teacher_frozen_seconds: float = Field(default=60, gt=0)
    """An engine that runs requests and makes no token for so long is taken for frozen: what it has
    is asked again, of another server or when it is there again. For teachers that show their load
    at `/metrics`; of others, only the deadline ends a call."""

    worker_concurrency: int = Field(default=4, ge=1, le=64)
    """Chunks that one worker process runs at a time."""

    lease_seconds: float = Field(default=30, gt=1)
    """How long a worker that shows no sign of life keeps its chunks."""

    grace_seconds: float = Field(default=20, ge=0)
    """How long a worker that was told to stop may finish what it is doing."""

    min_free_bytes: int | None = Field(default=None, ge=0)
    """With less free room on the disk of the data directory, no new work is taken, and `/readyz`
    says so. If it is not said: twice the database's `max_wal_size`, but at most a twentieth of the
    disk."""

    worker_metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Where a worker shows its own metrics; nowhere if it is not said. The API shows its own, and
    what the database knows of all workers, at `/metrics`."""

    worker_metrics_host: str = "127.0.0.1"
    """The address that port is on."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto` is coloured lines on a terminal, JSON lines elsewhere."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""

    @field_validator(
        "local_networks", "allowed_hosts", "teacher_networks", "webhook_networks", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value
