"""Keys over the shell."""

from typing import Annotated, Any
from uuid import UUID

import typer

from app import shell
from app.web.caller import SCOPES

commands = typer.Typer(name="key", help="Keys that callers show.", no_args_is_help=True)

_COLUMNS = ("id", "name", "scopes", "namespaces", "expires_at", "revoked_at", "last_used_at")


@commands.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, such as trainer.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"{', '.join(SCOPES)}; may be said several times. Read if not said."),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(help="May be said several times; all namespaces if it is not said."),
    ] = None,
    days: Annotated[int | None, typer.Option(help="Expires after so many days.")] = None,
    as_json: shell.Json = False,
) -> None:
    """Make a key, and print it this once."""
    body: dict[str, Any] = {"name": name, "expires_in_days": days}
    if scope:
        body["scopes"] = scope
    if namespace:
        body["namespaces"] = namespace
    with shell.client() as client:
        made = shell.check(client.post("/v1/keys", json=body))
    if as_json:
        shell.show(made, as_json=True)
        return
    print(made["key"])  # noqa: T201  (alone on its line, for `$(limbeck key create …)`)
    shell.err.print("[dim]It is not stored, and not shown again. Commands read LIMBECK_API_KEY.[/]")


@commands.command("list")
def list_keys(
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 50,
    as_json: shell.Json = False,
) -> None:
    """Keys, revoked ones too; never their secrets."""
    with shell.client() as client:
        page = shell.check(client.get("/v1/keys", params={"limit": limit}))
    shell.show(page, as_json=as_json, columns=_COLUMNS)


@commands.command()
def revoke(
    key_id: Annotated[UUID, typer.Argument(help="The id that `limbeck key list` shows.")],
    as_json: shell.Json = False,
) -> None:
    """Refuse a key from its next request on."""
    with shell.client() as client:
        revoked = shell.check(client.post(f"/v1/keys/{key_id}/revoke"))
    shell.show(revoked, as_json=as_json, columns=_COLUMNS)


@commands.command()
def rotate() -> None:
    """Sign URLs with a new secret: none that was signed until now works any more."""
    with shell.client() as client:
        shell.check(client.post("/v1/keys/signing-secret/rotate"))
    shell.out.print("every signed URL from before is dead")
