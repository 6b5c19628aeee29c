"""What was counted, as plots with their numbers folded beneath."""

from collections.abc import Iterator

from app.datasets.card.markdown import code, details, table
from app.datasets.card.plots import DUPLICATES, FUNNEL, LENGTHS, STRATA, funnel_stages
from app.datasets.lengths import Lengths
from app.datasets.manifest import Manifest


def strata(manifest: Manifest) -> Iterator[str]:
    seen = manifest.statistics
    if seen is None or not seen.strata:
        return
    yield "### Counts"
    yield f"![Rows by value of the fields that have few]({STRATA})"
    blocks = []
    for name, counted in seen.strata.items():
        origin = ", from the seed matrix" if name in seen.matrix else ""
        rows = ((code(value) or "(empty)", f"{count:,}") for value, count in counted.items())
        blocks.append(f"{code(name)}{origin}:\n\n{table(('value', 'rows:'), rows)}")
    yield details("All counts", *blocks)


def lengths(manifest: Manifest) -> Iterator[str]:
    rows = [(code(name), "characters", each) for name, each in manifest.lengths.items()]
    seen = manifest.statistics
    if seen is not None and seen.tokens is not None and seen.tokens.replies is not None:
        rows.append(("the teacher's reply", "tokens", seen.tokens.replies))
    if not rows:
        return
    yield "### Lengths"
    yield f"![Rows by length]({LENGTHS})"
    head = (
        "column",
        "in",
        "texts:",
        "shortest:",
        "half up to:",
        "95 % up to:",
        "longest:",
        "mean:",
    )
    yield details(
        "All lengths",
        table(head, ((name, unit, *_numbers(each)) for name, unit, each in rows)),
        "Of turns, the contents of all of them together. What half and 95 % do not exceed is read "
        "off a histogram, and about right.",
    )


def _numbers(each: Lengths) -> tuple[str, ...]:
    whole = (each.rows, each.min, each.about(0.5), each.about(0.95), each.max)
    return (*(f"{number:,}" for number in whole), f"{each.total / each.rows:,.1f}")


def funnel(manifest: Manifest) -> Iterator[str]:
    told = manifest.funnel
    refused = sum(told.rejected.values())
    if not told.generated:
        return
    yield "### From replies to rows"
    yield (
        f"These jobs brought {told.generated:,} replies: {told.accepted:,} became records, "
        f"{refused:,} were refused."
    )
    yield f"![How many replies came how far]({FUNNEL})"
    stages = table(("came so far", "number:"), ((n, f"{c:,}") for n, c in funnel_stages(manifest)))
    blocks = [stages]
    if refused:
        most_first = sorted(told.rejected.items(), key=lambda item: (-item[1], item[0]))
        rows = ((code(reason), f"{count:,}") for reason, count in most_first)
        blocks.append(table(("refused because", "replies:"), rows))
    yield details("All reasons", *blocks)


def duplicates(manifest: Manifest) -> Iterator[str]:
    seen = manifest.statistics
    if seen is None:
        return
    twice = seen.duplicates
    if not (twice.exact or twice.near or twice.rouge):
        return
    yield "### Duplicates"
    of = manifest.funnel.generated or 1
    rows = (
        ("said the same", twice.exact),
        ("near-copies (MinHash, then compared exactly)", twice.near),
        ("too close by ROUGE-L", twice.rouge),
    )
    yield table(
        ("refused, as a record was there first", "replies:", "of all:"),
        ((name, f"{count:,}", f"{count / of:.1%}") for name, count in rows if count),
    )
    if twice.near_similarity or twice.rouge_score:
        yield f"![Refused duplicates by how alike they were]({DUPLICATES})"
