"""What was selected and is not here, and why."""

from collections.abc import Iterator

from app.datasets.card.markdown import code, details, table
from app.datasets.manifest import Manifest

_MOST_STRATA = 60
_WHY = {
    "contaminated": "copies an item of an evaluation set",
    "exact": "another corpus says the same",
    "near": "nearly says what another row does",
    "alike": "means the same as an older row",
    "not_compared": "not yet compared by meaning",
    "mix": "beyond its share of the mix",
    "split": "would have joined two splits",
}


def left_out(manifest: Manifest) -> Iterator[str]:
    yield from _counted(manifest)
    yield from _corpora(manifest)
    yield from _mix(manifest)
    yield from _near(manifest)
    yield from _decontamination(manifest)
    yield from _semantic(manifest)


def _counted(manifest: Manifest) -> Iterator[str]:
    if not manifest.left_out:
        return
    yield "### Left out"
    yield table(
        ("selected, and not here because it", "records:"),
        ((_WHY.get(why, code(why)), f"{count:,}") for why, count in manifest.left_out.items()),
    )


def _corpora(manifest: Manifest) -> Iterator[str]:
    if len(manifest.corpora) > 1:
        yield "### Corpora"
        yield table(
            ("corpus", "selected:", "rows:"),
            ((code(e.corpus), f"{e.selected:,}", f"{e.rows:,}") for e in manifest.corpora),
        )


def _mix(manifest: Manifest) -> Iterator[str]:
    if not manifest.mix:
        return
    yield "### Mix"
    for rule in manifest.mix:
        by = ", ".join(code(name) for name in rule.by)
        most = "" if rule.cap is None else f", at most {rule.cap:,} each"
        weighed = "" if rule.weights is None else ", by weight"
        yield f"By {by}{most}{weighed}; {rule.rows_left_out:,} records were left out."
        rows = [(code(e.stratum), f"{e.available:,}", f"{e.rows:,}") for e in rule.strata]
        shown = table(("group", "there were:", "taken:"), rows[:_MOST_STRATA])
        more = len(rows) - _MOST_STRATA
        yield details("Each group", shown, *([f"{more:,} more are in the manifest."] * (more > 0)))


def _near(manifest: Manifest) -> Iterator[str]:
    swept = manifest.near
    if swept is None:
        return
    fields = ", ".join(code(name) for name in swept.fields)
    yield "### Near-duplicates"
    yield (
        f"No two rows have a Jaccard similarity of {swept.threshold:g} or more in {fields}. "
        f"{swept.rows_left_out:,} records were left out for that when the version was made."
    )
    if swept.left_out:
        rows = ((code(e.record), code(e.like), f"{e.similarity:g}") for e in swept.left_out)
        yield details(
            f"The first {len(swept.left_out):,} left out, by record",
            table(("record", "like", "similarity:"), rows),
        )


def _decontamination(manifest: Manifest) -> Iterator[str]:
    checked = manifest.decontamination
    if checked is None:
        return
    yield "### Evaluation sets"
    if not checked.sets:
        yield "The rows were not checked against any evaluation set."
        return
    sets = ", ".join(code(name) for name in checked.sets)
    yield (
        f"{checked.rows_checked:,} records were checked against {sets}. "
        f"{checked.rows_left_out:,} were left out: they have {checked.threshold:.0%} or more of "
        f"the words of an item, in runs of eight. {checked.rows_flagged:,} of the rows here have "
        "13 words in a row of an item."
    )
    if checked.rows_left_out:
        rows = ((code(e.record), f"{e.coverage:g}", code(e.why)) for e in checked.left_out)
        yield details(
            f"The first {len(checked.left_out):,} left out, by record",
            table(("record", "coverage:", "why"), rows),
        )


def _semantic(manifest: Manifest) -> Iterator[str]:
    apart = manifest.semantic
    if apart is None:
        return
    yield "### Alike in meaning"
    yield (
        f"{apart.alike:,} records were left out: by the vectors of {code(apart.model)}, each has "
        f"a cosine of {apart.max_similarity:g} or more with an older row here. "
        f"{apart.not_compared:,} more were left out because they had not been compared yet."
    )
