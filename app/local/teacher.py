"""Launch the installed teacher on a loopback port, and say when it answers."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from app.local import child
from app.local.child import Child
from app.local.kind import Kind
from app.local.teacher_install import Installed

CONTEXT = 4096
DRAIN_SECONDS = 30
WARM_SECONDS = 120
SERVE_GGUF = Path(__file__).parent / "programs" / "serve_gguf.py"

ANY_VLLM = (
    *("--max-model-len", str(CONTEXT)),
    *("--max-num-seqs", "128"),
    "--enable-prompt-tokens-details",
    "--disable-uvicorn-access-log",
    # A model's own generation_config.json would fill in sampling that a job left out.
    *("--generation-config", "vllm"),
    *("--shutdown-timeout", str(DRAIN_SECONDS)),
)
CPU_VLLM = (
    "--enforce-eager",
    # Smaller blocks share more of a few-shot prefix: a quarter more tokens a second. 16 is refused.
    *("--block-size", "32"),
    # One request with a `seed` whose prompt is split kills the CPU engine: never split.
    "--no-enable-chunked-prefill",
    *("--max-num-batched-tokens", "16384"),
    # A small model may fill a JSON reply with blanks up to its token limit.
    *("--structured-outputs-config", '{"backend":"xgrammar","disable_any_whitespace":true}'),
)


def launch(installed: Installed, *, port: int, log: Path, environment: Mapping[str, str]) -> Child:
    """Start the server of `installed`; `environment` is what its process would have anyway.

    It answers at `address(port)` once `/health` there does, which takes up to some minutes.
    """
    cores = _cores()
    return child.start(
        "the teacher",
        _command(installed, port, len(cores)),
        log=log,
        environment={**environment, **_environment(installed, cores)},
        # After its own drain vLLM takes up to ten seconds more.
        grace=DRAIN_SECONDS + 15,
    )


def address(port: int) -> str:
    """The base of its OpenAI-compatible API."""
    return f"http://127.0.0.1:{port}/v1"


def health(port: int) -> str:
    return f"http://127.0.0.1:{port}/health"


def warm_up(url: str, model: str) -> None:
    """Its first reply by a schema takes it seconds of preparation: not those of a first sample."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Say yes."}],
        "max_tokens": 8,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"enum": ["yes"]}},
        },
    }
    with suppress(httpx.HTTPError):
        httpx.post(f"{url}/chat/completions", json=body, timeout=WARM_SECONDS, trust_env=False)


def _command(installed: Installed, port: int, cores: int) -> list[str | Path]:
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


def _environment(installed: Installed, cores: list[int]) -> dict[str, str]:
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
