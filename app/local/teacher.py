"""Launch the installed teacher on a loopback port, and say when it answers."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.local import child
from app.local.child import Child
from app.local.kind import Kind
from app.local.teacher_install import Installed
from app.teachers.question import response_format

CONTEXT = 4096
DRAIN_SECONDS = 30
WARM_SECONDS = 120
SERVE_GGUF = Path(__file__).parent / "programs" / "serve_gguf.py"

ANY_VLLM = (
    "--enable-prompt-tokens-details",
    # A model's own generation_config.json would fill in sampling that a job left out.
    *("--generation-config", "vllm"),
)
CPU_VLLM = (
    *("--max-model-len", str(CONTEXT)),
    *("--max-num-seqs", "128"),
    *("--shutdown-timeout", str(DRAIN_SECONDS)),
    "--disable-uvicorn-access-log",
    "--enforce-eager",
    # Smaller blocks share more of a few-shot prefix: a quarter more tokens a second. 16 is refused.
    *("--block-size", "32"),
    # One request with a `seed` whose prompt is split kills the CPU engine: never split.
    "--no-enable-chunked-prefill",
    *("--max-num-batched-tokens", "16384"),
    # A small model may fill a JSON reply with blanks up to its token limit.
    *("--structured-outputs-config", '{"backend":"xgrammar","disable_any_whitespace":true}'),
)


@dataclass(frozen=True, slots=True)
class Served:
    """A teacher that was launched, and where it will answer."""

    installed: Installed
    port: int

    @property
    def url(self) -> str:
        """The base of its OpenAI-compatible API."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def health(self) -> str:
        """Answers 200 once it is ready, which takes up to some minutes."""
        return f"http://127.0.0.1:{self.port}/health"


def launch(served: Served, *, log: Path, environment: Mapping[str, str]) -> Child:
    """Start the server; `environment` is what its process would have anyway."""
    cores = _cores()
    # Its modules were installed uncompiled. What the first start compiles, the next ones find:
    # for vLLM, most of the time that it takes to be ready.
    inherited = {k: v for k, v in environment.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return child.start(
        "the teacher",
        command(served, len(cores)),
        log=log,
        environment={**inherited, **settings(served.installed, cores)},
        # After its own drain vLLM takes up to ten seconds more.
        grace=DRAIN_SECONDS + 15,
    )


def warm_up(served: Served, schema: dict[str, Any]) -> None:
    """Its first reply by a schema takes it seconds of preparation: not those of a first sample."""
    body = {
        "model": served.installed.name,
        "messages": [{"role": "user", "content": "Say yes."}],
        "max_tokens": 8,
        "response_format": response_format(schema),
    }
    url = f"{served.url}/chat/completions"
    with suppress(httpx.HTTPError):
        httpx.post(url, json=body, timeout=WARM_SECONDS, trust_env=False)


def command(served: Served, cores: int) -> list[str | Path]:
    installed, port = served.installed, served.port
    if installed.kind is Kind.LIGHT:
        return [
            *(installed.python, SERVE_GGUF),
            *(installed.model, installed.name, str(port), str(cores)),
        ]
    return [
        # The `vllm` command looks for a distribution of that name; the CPU build has another.
        *(installed.python, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", installed.model, "--served-model-name", installed.name),
        *("--host", "127.0.0.1", "--port", str(port)),
        *ANY_VLLM,
        *((*CPU_VLLM, "--dtype", _cpu_dtype()) if installed.kind is Kind.CPU else ()),
    ]


def settings(installed: Installed, cores: list[int]) -> dict[str, str]:
    """What its process needs in its environment."""
    # Safe path: `-m` would look for vLLM's modules in whatever folder we were started from.
    given = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONSAFEPATH": "1"}
    if Path(installed.model).exists():
        given["HF_HUB_OFFLINE"] = "1"
    if installed.kind is Kind.CPU:
        given |= {
            "VLLM_CPU_KVCACHE_SPACE": "2",
            "VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cores)),
            "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        }
    return given


def _cpu_dtype() -> str:
    """bfloat16 only where the processor multiplies it: emulated, it is five times slower."""
    try:
        words = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return "float32"
    return "bfloat16" if words & {"avx512_bf16", "amx_bf16", "bf16"} else "float32"


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
