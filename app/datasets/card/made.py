"""How the rows were made: by whom, from which prompt, with what sampling."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.datasets.card.markdown import code, details, fence, line, table
from app.datasets.manifest import Manifest, Source
from app.datasets.provenance.entries import Asked, Provenance, TeacherEntry

_MOST_JOBS = 50
_LONGEST_PROMPT = 20_000


def how(manifest: Manifest) -> Iterator[str]:
    provenance = manifest.provenance
    if provenance is not None:
        yield from _teachers(provenance)
        yield from _templates(provenance)
        yield from _few_shot(provenance)
    yield from _jobs(manifest)
    tokens = manifest.statistics.tokens if manifest.statistics else None
    if tokens is not None:
        yield (
            f"All of it took {tokens.prompt:,} prompt tokens ({tokens.cached:,} of them from a "
            f"prefix cache) and {tokens.completion:,} completion tokens."
        )


def _teachers(provenance: Provenance) -> Iterator[str]:
    if not provenance.teachers:
        return
    yield "### Teachers"
    yield table(
        ("teacher", "model", "revision", "licence", "training on its output", "rows:"),
        (
            (
                code(each.name),
                code(each.model or ""),
                code(each.revision or ""),
                line(each.licence) if each.licence else "not said",
                _training(each),
                f"{each.rows:,}",
            )
            for each in provenance.teachers
        ),
    )
    for each in provenance.teachers:
        if each.terms:
            yield details(f"Terms of <code>{_html(each.name)}</code>", fence(each.terms))


def _training(each: TeacherEntry) -> str:
    said = {
        "allowed": "allowed",
        "forbidden": "**forbidden**",
        "unknown": "not said: read its terms",
    }[each.training]
    # In angle brackets: the address was checked to hold nothing that ends them.
    return f"{said} (<{each.terms_url.replace('|', '%7C')}>)" if each.terms_url else said


def _templates(provenance: Provenance) -> Iterator[str]:
    if not provenance.templates:
        return
    yield "### Prompts"
    yield table(
        ("template", "digest", "what it asks for", "rows:"),
        (
            (code(each.name), code((each.digest or "")[:16]), line(each.description), _n(each.rows))
            for each in provenance.templates
        ),
    )
    for each in provenance.templates:
        if each.source:
            shown = each.source[:_LONGEST_PROMPT]
            cut = f"\n… ({len(each.source) - len(shown):,} more characters)" * (
                shown != each.source
            )
            yield details(
                f"The prompt <code>{_html(each.name)}</code>", fence(shown + cut, "jinja")
            )


def _few_shot(provenance: Provenance) -> Iterator[str]:
    if not provenance.few_shot_sets:
        return
    yield "### Few-shot sets"
    yield table(
        ("set", "digest", "examples:", "rows:"),
        (
            (
                code(each.name),
                code((each.digest or "")[:16]),
                "" if each.examples is None else each.examples,
                _n(each.rows),
            )
            for each in provenance.few_shot_sets
        ),
    )


def _jobs(manifest: Manifest) -> Iterator[str]:
    yield "### Jobs"
    asked = (
        {(each.job, each.arm): each for each in manifest.provenance.jobs}
        if manifest.provenance
        else {}
    )
    shown = sorted(manifest.sources, key=lambda source: -source.rows)[:_MOST_JOBS]
    yield table(
        ("job", "template", "few-shot set", "teacher", "seeds", "sampling", "rows:"),
        (_job(source, asked.get((source.job, source.arm))) for source in shown),
    )
    if left := len(manifest.sources) - len(shown):
        yield f"{left:,} more jobs are in `manifest.json`."


def _job(source: Source, asked: Asked | None) -> tuple[str, ...]:
    few_shot = code(source.few_shot or "")
    if asked is not None and asked.few_shot_shown is not None and few_shot:
        few_shot += f", {asked.few_shot_shown} shown"
    return (
        code(source.job) + (f", arm {source.arm}" if source.arm is not None else ""),
        code(source.template or ""),
        few_shot,
        code(source.teacher or "") or _file(asked),
        _seeds(source, asked),
        _sampling(asked.sampling if asked else None),
        _n(source.rows),
    )


def _file(asked: Asked | None) -> str:
    return f"imported from {code(str(asked.file.get('file')))}" if asked and asked.file else ""


def _seeds(source: Source, asked: Asked | None) -> str:
    number = "" if asked is None or asked.random_seed is None else f"seed {asked.random_seed}"
    return ", ".join(part for part in (code(source.seeds or ""), number) if part)


def _sampling(said: Mapping[str, Any] | None) -> str:
    told = {key: value for key, value in (said or {}).items() if value not in (None, False, [])}
    return ", ".join(code(f"{key}={json.dumps(value)}") for key, value in sorted(told.items()))


def _n(number: int) -> str:
    return f"{number:,}"


def _html(name: str) -> str:
    """A name of ours has no character that HTML would read; what is not one loses them."""
    return "".join(each for each in name if each.isalnum() or each in "/@_-.")
