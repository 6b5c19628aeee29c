"""Make a local teacher possible on this machine: choose its kind, install it, get its weights."""

from dataclasses import dataclass
from pathlib import Path

from app.local import environment, kind, weights
from app.local.kind import Choice, Kind, Machine
from app.local.lock import Lock
from app.local.pip import InstallFailed
from app.local.steps import Steps

CPU_LOCKS = ("teacher-torch.lock", "teacher-cpu.lock")
"""torch comes first and as `+cpu`, a name that only CPU builds have: where none is within reach,
that fails at once, and no index can slip in a CUDA build of several GB."""
LIGHT_LOCKS = ("teacher-light.lock",)


@dataclass(frozen=True, slots=True)
class Installed:
    """A teacher ready to be launched."""

    kind: Kind
    python: Path
    model: str
    """A folder, a GGUF file, or a name on the Hugging Face Hub."""
    name: str
    """What the server answers to."""


def install(
    home: Path,
    machine: Machine,
    steps: Steps,
    *,
    model: str | None = None,
    torch_index: str | None = None,
    only: Kind | None = None,
) -> Installed:
    """Everything under `home`, nothing twice. `only` asks for a kind, whatever the machine is."""
    with Lock(home / "install.lock", wait=True):
        choice = (
            Choice(only, f"Using the {only} teacher, as asked.") if only else kind.choose(machine)
        )
        steps.say(choice.why)
        if choice.kind is Kind.CPU:
            try:
                python = environment.ensure(
                    home / "cpu",
                    CPU_LOCKS,
                    steps,
                    "Installing vLLM's CPU build (2.1 GB, once)",
                    torch_index=torch_index,
                )
            except InstallFailed as failed:
                if only:
                    raise
                choice = kind.no_cpu_build(failed.reason)
                steps.say(choice.why)
        if choice.kind is Kind.LIGHT:
            python = environment.ensure(
                home / "light", LIGHT_LOCKS, steps, "Installing xllamacpp (104 MB, once)"
            )
            return Installed(
                Kind.LIGHT, python, str(weights.gguf(home, python, steps)), weights.NAME
            )
        if choice.kind is Kind.GPU:
            assert machine.vllm_python is not None
            python = machine.vllm_python
        if model:
            return Installed(choice.kind, python, model, model)
        folder = weights.converted(home, python, steps)
        return Installed(choice.kind, python, str(folder), weights.NAME)
