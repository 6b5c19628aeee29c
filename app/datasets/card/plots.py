"""Which plots a version has. They are files of it, since pages inline neither SVG nor `data:`
addresses of it (GitHub takes both out); a relative image is shown by GitHub, hubs and editors.
"""

from collections.abc import Iterator, Mapping

from app.curation import funnel as stages
from app.datasets.card.histogram import Panel, histograms
from app.datasets.card.svg import bars
from app.datasets.lengths import EDGES, Lengths
from app.datasets.manifest import Manifest
from app.datasets.statistics.entries import Statistics

FUNNEL, LENGTHS, STRATA, DUPLICATES = (
    f"plots/{name}.svg" for name in ("funnel", "lengths", "strata", "duplicates")
)
MOST_PANELS = 4
MOST_BARS = 8


def plots(manifest: Manifest) -> dict[str, str]:
    """By path: the same for the same manifest, to the byte."""
    return dict(_plots(manifest))


def _plots(manifest: Manifest) -> Iterator[tuple[str, str]]:
    if manifest.funnel.generated:
        yield FUNNEL, _funnel(manifest)
    if panels := list(_length_panels(manifest)):
        title = "How long the rows are"
        yield LENGTHS, histograms(title, "rows by length, on a logarithmic axis", panels)
    seen = manifest.statistics
    if seen is None:
        return
    if few := dict(list(seen.strata.items())[:MOST_PANELS]):
        yield STRATA, _strata(few, manifest.rows)
    if alike := list(_alike_panels(seen)):
        title = "How alike refused duplicates were"
        yield DUPLICATES, histograms(title, "replies by their similarity to what was there", alike)


def funnel_stages(manifest: Manifest) -> list[tuple[str, int]]:
    """How many replies came how far, and how many rows are here."""
    told = manifest.funnel
    by_reason: dict[str | None, int] = {None: told.accepted}
    by_reason.update(told.rejected)
    counted = stages.count(by_reason)
    came = [(_CAME[stage.value], counted[stage]) for stage in stages.Stage if stage.value in _CAME]
    if counted[stages.Stage.JUDGED] == counted[stages.Stage.FILTERED]:
        came.remove((_CAME["judged"], counted[stages.Stage.JUDGED]))  # there is none, or it is kind
    return [("replies", told.generated), *came[1:], ("in this version", manifest.rows)]


_CAME = {
    "generated": "replies",
    "parsed": "could be read",
    "filtered": "passed the filters",
    "judged": "satisfied the judge",
    "novel": "were new",
}


def _funnel(manifest: Manifest) -> str:
    came = funnel_stages(manifest)
    of = came[0][1]
    rows = [(name, count, f"{count / of:.1%}" if of else "") for name, count in came]
    return bars("From replies to rows", "of the jobs behind this version", [("", rows)])


def _length_panels(manifest: Manifest) -> Iterator[Panel]:
    """The columns with the longest texts, and what the teacher wrote."""
    seen = manifest.statistics
    few = seen.strata if seen is not None else {}
    texts = sorted(
        ((name, each) for name, each in manifest.lengths.items() if name not in few and each.total),
        key=lambda item: (-item[1].total / item[1].rows, item[0]),
    )
    replies = seen.tokens.replies if seen is not None and seen.tokens is not None else None
    for name, each in texts[: MOST_PANELS - (replies is not None)]:
        yield _length(name, "characters", each, "bar")
    if replies is not None:
        yield _length("the teacher's reply", "tokens", replies, "second")


def _length(name: str, unit: str, each: Lengths, colour: str) -> Panel:
    half = each.about(0.5)
    return Panel(
        name=name,
        remark=f"{unit}: {each.min:,} to {each.max:,}, on average {each.total / each.rows:,.0f}",
        bins=[(low, _end(low), rows) for low, rows in sorted(each.bins.items()) if low],
        mark=half or None,
        mark_said=f"half up to {half:,}",
        colour=colour,
    )


def _end(low: int) -> int:
    return next((edge for edge in EDGES if edge > low), 2 * low)


def _strata(few: Mapping[str, Mapping[str, int]], rows: int) -> str:
    groups = []
    for name, counted in few.items():
        # One too many is shown like the others.
        most = MOST_BARS + (len(counted) == MOST_BARS + 1)
        first = list(counted.items())[:most]
        shown = [(value or "(empty)", count, f"{count / rows:.1%}") for value, count in first]
        if left := len(counted) - len(first):
            others = sum(counted.values()) - sum(count for _, count in first)
            shown.append((f"{left} others", others, f"{others / rows:.1%}"))
        groups.append((name, shown))
    return bars("What the rows are about", "rows by value of the fields that have few", groups)


def _alike_panels(seen: Statistics) -> Iterator[Panel]:
    twice = seen.duplicates
    for name, count, histogram in (
        ("near-duplicates", twice.near, twice.near_similarity),
        ("ROUGE-L", twice.rouge, twice.rouge_score),
    ):
        if histogram is not None:
            bins = [(low, round(low + 0.02, 2), n) for low, n in sorted(histogram.bins.items())]
            remark = f"{count:,} replies, by {_MEASURE[name]}"
            yield Panel(name, remark, bins, colour="second", is_length=False)


_MEASURE = {"near-duplicates": "Jaccard similarity", "ROUGE-L": "ROUGE-L"}
