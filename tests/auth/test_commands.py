"""Keys made, shown and revoked over the shell."""

import httpx
from pydantic import SecretStr
from typer.testing import CliRunner

from app import shell
from app.auth.commands import commands
from app.datasets.commands import commands as datasets


def test_a_key_that_a_command_made_opens_the_api_for_commands(served: str) -> None:
    told = ["create", "trainer", "--scope", "read", "--namespace", "support", "--days", "9"]
    made = CliRunner().invoke(commands, told)
    assert made.exit_code == 0, made.output
    # The server is in this process, and what it logs stands between the lines.
    [key] = [line for line in made.stdout.splitlines() if line.startswith("lbk_")]
    shell.use(served, SecretStr(key))
    listed = CliRunner().invoke(datasets, ["list"])
    assert listed.exit_code == 0, listed.output
    refused = CliRunner().invoke(commands, ["list"])
    assert refused.exit_code == 1
    assert "scope admin" in refused.output
    shell.use(served)
    assert "trainer" in CliRunner().invoke(commands, ["list"]).stdout
    [one] = httpx.get(f"{served}/v1/keys", trust_env=False).json()["items"]
    assert (one["scopes"], one["namespaces"]) == (["read"], ["support"])
    assert CliRunner().invoke(commands, ["revoke", one["id"]]).exit_code == 0
    shell.use(served, SecretStr(key))
    refused = CliRunner().invoke(datasets, ["list"])
    assert refused.exit_code == 1
    assert "revoked" in refused.output
    shell.use(served)
    assert CliRunner().invoke(commands, ["rotate"]).exit_code == 0
