"""Datasets over the shell."""

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from app import shell
from app.datasets.difference import Difference
from app.datasets.fetch.commands import commands as fetching
from app.datasets.layouts.commands import LayoutJson, LayoutName, LayoutOptions, layout_said
from app.datasets.layouts.commands import commands as layouts
from app.datasets.manifest import PublishedManifest
from app.names import Ref

commands = typer.Typer(
    name="dataset", help="Publish datasets and pull their versions.", no_args_is_help=True
)
commands.add_typer(layouts)
commands.add_typer(fetching)

_PULL = (
    "version",
    "who",
    "address",
    "client",
    "via",
    "first_at",
    "last_at",
    "bytes",
    "files",
    "complete",
)

Fields = Annotated[
    list[str] | None, typer.Option(help="A field of the corpus; may be said several times.")
]


@commands.command()
def publish(
    corpus: Annotated[str, typer.Argument(help="The corpus, such as support/faq.")],
    name: Annotated[
        str | None, typer.Option(help="The dataset; named like the corpus if it is not said.")
    ] = None,
    description: Annotated[str, typer.Option(help="For the card, when the dataset is new.")] = "",
    layout: LayoutName | None = None,
    option: LayoutOptions = None,
    layout_json: LayoutJson = None,
    prompt: Fields = None,
    completion: Fields = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A split and its share, such as train=0.95.")
    ] = None,
    split_by: Annotated[
        str | None, typer.Option(help="What stays together in a split: seed, cluster or row.")
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="A further corpus of a new dataset; may be repeated.")
    ] = None,
    document: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            help="YAML or JSON with the rest: selection, mix, near, decontaminate, semantic.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    terms_override: Annotated[
        str | None,
        typer.Option(help="Why to publish though a teacher's terms forbid training on it."),
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """Publish a corpus as the next version of a dataset, which is made if it does not exist."""
    dataset = shell.ref(name or corpus)
    body: dict[str, Any] = {} if document is None else _read(document)
    if split or split_by:
        by = {"by": split_by} if split_by else {}
        body["splits"] = dict(_share(text) for text in split or ["train=1"]) | by
    if terms_override:
        body["terms_override"] = {"reason": terms_override}
    options = [f"prompt={each}" for each in prompt or ()]
    options += [f"completion={each}" for each in completion or ()]
    options += option or ()
    with shell.client() as client:
        if layout or options or layout_json or "layout" not in body:
            body["layout"] = layout_said(client, layout or "records", options, layout_json)
        url = f"/v1/datasets/{dataset.namespace}/{dataset.name}"
        if client.get(url).status_code == 404:  # noqa: PLR2004
            new = {
                "namespace": dataset.namespace,
                "name": dataset.name,
                "description": description,
                **({"corpora": [corpus, *also]} if also else {"corpus": corpus}),
            }
            shell.check(client.post("/v1/datasets", json=new))
        made = PublishedManifest.model_validate(
            shell.check(client.post(f"{url}/versions", json=body))
        )
        endpoint = f"{client.base_url}".rstrip("/") + "/hf"
    if as_json:
        shell.show(made.model_dump(mode="json"), as_json=True)
        return
    shell.out.print(f"published [bold]{made.dataset}@{made.version}[/]: {made.rows:,} rows")
    for split_name, entry in made.splits.items():
        shell.out.print(f"  {split_name}: {entry.rows:,} rows, {entry.share:.1%}")
    load = f'HF_ENDPOINT={endpoint} … load_dataset("{made.dataset}.v{made.version}")'
    shell.out.print(f"  {load}", markup=False, soft_wrap=True)


@commands.command("diff")
def diff_versions(
    before: Annotated[str, typer.Argument(help="The earlier version, such as support/faq@1.")],
    after: Annotated[
        str | None, typer.Argument(help="The later one; the latest if it is not said.")
    ] = None,
    as_json: shell.Json = False,
) -> None:
    """What changed from one version of a dataset to another: rows, why, and files."""
    one = shell.ref(before)
    other = shell.ref(after) if after else Ref(one.namespace, one.name)
    if (one.namespace, one.name) != (other.namespace, other.name):
        shell.fail(f"{before} and {after} are versions of two datasets", None, 2)
    url = f"/v1/datasets/{other.namespace}/{other.name}/versions/{other.version or 'latest'}/diff"
    asked = {} if one.version is None else {"from": one.version}
    with shell.client() as client:
        found = shell.check(client.get(url, params=asked))
    if as_json:
        shell.show(found, as_json=True)
        return
    _tell(Difference.model_validate(found))


def _tell(made: Difference) -> None:
    shell.out.print(
        f"[bold]{made.dataset}[/] @{made.before} to @{made.after}: "
        f"{made.rows.before:,} to {made.rows.after:,} rows"
    )
    for sign, each in (("+", made.added), ("-", made.removed)):
        why = ", ".join(f"{reason} {count:,}" for reason, count in each.by_reason.items())
        shell.out.print(f"  {sign}{each.rows:,} {why}")
    for why, count in made.removed.deleted.items():
        shell.out.print(f"    deleted, {why}: {count:,}", markup=False)
    for title, counts in (
        ("split", made.splits),
        ("corpus", made.corpora),
        ("stratum", made.strata),
        ("left out", made.left_out),
    ):
        for name, moved in counts.items():
            shell.out.print(f"  {title} {name}: {moved.before:,} to {moved.after:,}", markup=False)
    files = made.files
    shell.out.print(
        f"  files: {len(files.kept)} kept, {len(files.added)} added ({files.bytes_added:,} bytes), "
        f"{len(files.removed)} removed"
    )


@commands.command("list")
def list_datasets(
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 50,
    as_json: shell.Json = False,
) -> None:
    """Datasets and their latest versions."""
    with shell.client() as client:
        page = shell.check(client.get("/v1/datasets", params={"limit": limit}))
    shell.show(
        page,
        as_json=as_json,
        columns=("namespace", "name", "latest", "corpus", "created_at"),
    )


@commands.command()
def withdraw(
    version: Annotated[str, typer.Argument(help="Such as support/faq@3.")],
    reason: Annotated[str, typer.Option(help="Told to whoever asks for it from now on.")],
    as_json: shell.Json = False,
) -> None:
    """Serve a version no more, for good; clients are told the reason."""
    ref = _exact(version)
    with shell.client() as client:
        url = f"/v1/datasets/{ref.namespace}/{ref.name}/versions/{ref.version}/withdraw"
        made = shell.check(client.post(url, json={"reason": reason}))
    if as_json:
        shell.show(made, as_json=True)
        return
    shell.out.print(f"withdrawn {ref}: {made['withdrawn_because']}", markup=False)
    shell.out.print(f"`limbeck dataset pulls {ref}` shows who has it.", markup=False)


@commands.command()
def pulls(
    dataset: Annotated[str, typer.Argument(help="Such as support/faq or support/faq@3.")],
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=200)] = 50,
    as_json: shell.Json = False,
) -> None:
    """Who pulled a dataset, or one version of it: when, and how many bytes."""
    ref = shell.ref(dataset)
    wanted = {"limit": limit} | ({"version": ref.version} if ref.version else {})
    with shell.client() as client:
        url = f"/v1/datasets/{ref.namespace}/{ref.name}/pulls"
        page = shell.check(client.get(url, params=wanted))
    shell.show(page, as_json=as_json, columns=_PULL)


def _exact(text: str) -> Ref:
    ref = shell.ref(text)
    if ref.version is None:
        shell.fail(f"{text!r} should name a version, such as {ref}@1", None, 2)
    return ref


def _read(document: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(document.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        shell.fail(f"{document} is neither YAML nor JSON: {error}", None, 2)
    if not isinstance(found, dict):
        shell.fail(f"{document} should hold an object", None, 2)
    return found


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        shell.fail(f"{text!r} should be a split and its share, such as train=0.95", None, 2)
