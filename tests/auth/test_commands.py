"""Keys made, shown and revoked over the shell."""

import json

from pydantic import SecretStr
from typer.testing import CliRunner

from app import shell
from app.auth.commands import commands
from app.datasets.commands import commands as datasets


def test_a_key_that_a_command_made_opens_the_api_for_commands(served: str) -> None:
    told = ["create", "trainer", "--scope", "read", "--namespace", "support", "--days", "9"]
    made = CliRunner().invoke(commands, told)
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    shell.use(served, SecretStr(key))
    assert CliRunner().invoke(datasets, ["list"]).exit_code == 0
    refused = CliRunner().invoke(commands, ["list"])
    assert refused.exit_code == 1
    assert "scope admin" in refused.output
    shell.use(served)
    listed = CliRunner().invoke(commands, ["list", "--json"])
    [one] = json.loads(listed.stdout)["items"]
    assert (one["scopes"], one["namespaces"]) == (["read"], ["support"])
    assert CliRunner().invoke(commands, ["revoke", one["id"]]).exit_code == 0
    shell.use(served, SecretStr(key))
    refused = CliRunner().invoke(datasets, ["list"])
    assert refused.exit_code == 1
    assert "revoked" in refused.output
    shell.use(served)
    assert CliRunner().invoke(commands, ["rotate"]).exit_code == 0
