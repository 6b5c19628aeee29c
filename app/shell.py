"""What every command shares: the API's address, printing, and exit codes.

Exit codes: 0 done, 1 the API refused or the job failed, 2 wrong usage, 3 the API does not answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import httpx
import orjson
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.names import Ref

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_URL = "http://127.0.0.1:8000"
_KEY: SecretStr | None = None


def use(url: str, key: SecretStr | None = None) -> None:
    """Where the API is, and the key to show there; said once by `cli` from the settings."""
    global _URL, _KEY
    _URL, _KEY = url, key


@contextmanager
def client(timeout: float = 600) -> Iterator[httpx.Client]:
    """A client of the API. Problems end the command with a message and an exit code."""
    headers = {"User-Agent": f"limbeck/{version('limbeck')}"}
    if _KEY is not None:
        headers["Authorization"] = f"Bearer {_KEY.get_secret_value()}"
    with httpx.Client(base_url=_URL, timeout=timeout, trust_env=False, headers=headers) as opened:
        try:
            yield opened
        except httpx.ConnectError:
            fail(f"nothing answers at {_URL}", "Start it with `limbeck up`, or set LIMBECK_URL.", 3)
        except httpx.TransportError as error:
            fail(f"the API at {_URL} broke off: {error or type(error).__name__}", None, 3)


def ref(text: str) -> Ref:
    """A name as it is typed; the command ends where it is none."""
    try:
        return Ref.parse(text)
    except ValueError as error:
        fail(f"{text!r} {error}", None, 2)


def check(response: httpx.Response) -> Any:
    """The answer's JSON; a problem ends the command."""
    if response.is_success:
        return orjson.loads(response.content) if response.content else None
    try:
        problem = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        fail(f"{response.status_code} from {response.url}", None, 1)
    return _refuse(problem, response.reason_phrase)


def _refuse(problem: dict[str, Any], otherwise: str) -> NoReturn:
    detail = problem.get("detail", otherwise)
    lines = [
        f"{e['field']}: {e['problem']} (seen: {e['value']})" for e in problem.get("errors", [])
    ]
    fail("\n  ".join([detail, *lines]) if len(lines) > 1 else detail, problem.get("hint"), 1)


def fail(message: str, hint: str | None = None, code: int = 1) -> NoReturn:
    err.print(f"[red]error[/] {escape(message)}")
    if hint:
        err.print(f"[dim]{escape(hint)}[/]")
    raise typer.Exit(code)


def show(value: Any, *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print an answer: JSON for programs, a table of `columns` for people."""
    if as_json:
        print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())  # noqa: T201
        return
    rows = value.get("items", [value]) if isinstance(value, Mapping) else value
    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_cell(row, column)) for column in columns))
    out.print(table)


def line(name: str, value: Any) -> None:
    """One thing for people, behind its name; nothing where there is nothing to say."""
    if value not in (None, "", {}):
        out.print(f"[bold]{name}[/]", end=" ")
        out.print(str(value), markup=False)


def _cell(row: Mapping[str, Any], column: str) -> str:
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
