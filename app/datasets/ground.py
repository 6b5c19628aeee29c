"""What a publication stands on: the corpora, their columns, their jobs, the version before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import browse
from app.corpus.models import Corpus
from app.curation.novelty import DedupSpec
from app.datasets import membership, store
from app.datasets.exporter import Origin, exporters
from app.datasets.features import Features, features_of
from app.datasets.membership import History
from app.datasets.mix import LINEAGE
from app.datasets.models import Dataset, DatasetFile
from app.datasets.near_rule import Rule, rule
from app.datasets.pick import Pick
from app.datasets.shards import Sizes
from app.datasets.spec import Layout, VersionSpec
from app.digest import digest
from app.errors import Conflict, Invalid


@dataclass(frozen=True, slots=True)
class Ground:
    corpora: Sequence[Corpus]
    columns: Features
    """Those that all corpora have."""
    origins: Mapping[tuple[UUID, UUID, int], Origin]
    """By corpus, job and arm."""
    near: Rule
    before: History
    shards: Sequence[DatasetFile]
    """Of the version before, where they are of the same shape."""
    shape: str

    @property
    def equal_in(self) -> tuple[str, ...] | None:
        """The fields that rows of different corpora must differ in, unless their digests tell."""
        ons = {DedupSpec.model_validate(corpus.dedup).on for corpus in self.corpora}
        return tuple(self.columns) if len(ons) > 1 else None


async def survey(
    session: AsyncSession, dataset: Dataset, spec: VersionSpec, sizes: Sizes
) -> Ground:
    """As this transaction sees it. Refuses corpora that do not go together, a layout that they
    cannot fill, and a mix of fields that they do not have.
    """
    corpora = await store.corpora(session, dataset)
    columns = compatible(corpora, spec.layout)
    check_mix(spec, columns)
    origins: dict[tuple[UUID, UUID, int], Origin] = {}
    for corpus in corpora:
        origins |= await store.origins(session, corpus)
    shape = _shape(spec.layout, columns, sizes)
    number = await store.last_number(session, dataset.id)
    latest = await store.version(session, dataset.id, number)
    same = latest is not None and latest.shape == shape
    return Ground(
        corpora=corpora,
        columns=columns,
        origins=origins,
        near=rule(corpora, columns, spec.near),
        before=await membership.history(session, dataset.id, number),
        shards=await store.shards(session, latest.id) if latest and same else (),
        shape=shape,
    )


def compatible(corpora: Sequence[Corpus], layout: Layout) -> Features:
    """The columns that all of them have. Raises `Invalid` for one that the layout names and that
    some corpus lacks or has of another kind.
    """
    filled = [corpus for corpus in corpora if corpus.columns is not None]
    if not filled:
        raise Conflict(
            "dataset.empty",
            "the corpus has no records yet",
            hint="A version has at least one row. Run a job first.",
        )
    first = features_of(filled[0].columns or {})
    columns = dict(first)
    named = {name for names in layout.reads().values() for name in names}
    for other in filled[1:]:
        theirs = features_of(other.columns or {})
        for name in {**first, **theirs}:
            if first.get(name) == theirs.get(name):
                continue
            if name in named or not named:
                raise _differ(filled[0], other, name, first, theirs)
            columns.pop(name, None)
    layout.check(columns)
    return columns


def _differ(one: Corpus, other: Corpus, name: str, first: Features, theirs: Features) -> Invalid:
    def said(corpus: Corpus, columns: Features) -> str:
        kind = columns.get(name)
        of = f"{corpus.namespace}/{corpus.name}"
        return f"{of} has no column {name!r}" if kind is None else f"in {of} {name!r} is {kind}"

    return Invalid.at(
        "/layout",
        f"should read columns that all corpora have: {said(one, first)}, {said(other, theirs)}",
        name,
    )


def check_mix(spec: VersionSpec, columns: Features, at: str = "") -> None:
    for number, each in enumerate(spec.mix):
        for place, name in enumerate(each.by):
            if name not in columns and name not in LINEAGE:
                known = ", ".join((*columns, *LINEAGE))
                raise Invalid.at(f"{at}/mix/{number}/by/{place}", f"should be one of {known}", name)


async def picked(session: AsyncSession, ground: Ground, spec: VersionSpec) -> list[Pick]:
    """What is selected: the rows of the version before in their order, then the oldest first."""
    ids = [corpus.id for corpus in ground.corpora]
    scopes = await browse.scopes(session, ids, spec.selection, at="/selection/")
    found = await store.picks(session, scopes, spec.selection)
    current = ground.before.current
    if not current:
        return found
    here = {pick.id: pick for pick in found if pick.id in current}
    for name, pick in here.items():
        pick.split = current[name].split
    known = [here[name] for name in current if name in here]
    return known + [pick for pick in found if pick.split is None]


def _shape(layout: Layout, columns: Features, sizes: Sizes) -> str:
    """Equal where equal rows make equal files."""
    import pyarrow as pa

    told = {
        "layout": exporters.write(layout),
        "features": layout.features(columns),
        "sizes": [sizes.group_rows, sizes.group_characters, sizes.shard_rows],
        "written_by": [layout.revision, pa.__version__],
    }
    return digest(told)
