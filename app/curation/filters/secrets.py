"""Drops texts with what looks like a live key or token."""

from typing import Annotated, ClassVar, Literal

import re2
from pydantic import Field

from app.curation.filter import TextFilter, filters
from app.curation.sample import Sample
from app.curation.verdict import Finding

Kind = Literal[
    "anthropic_key",
    "aws_access_key",
    "azure_storage_key",
    "digitalocean_token",
    "github_token",
    "gitlab_token",
    "google_api_key",
    "huggingface_token",
    "json_web_token",
    "npm_token",
    "openai_key",
    "private_key",
    "pypi_token",
    "sendgrid_key",
    "slack_token",
    "stripe_key",
]

# What the text must hold for the pattern to be tried at all, and the pattern: a provider's own
# prefix with the length and the alphabet that it documents.
_FORMATS: dict[Kind, tuple[tuple[str, ...], str]] = {
    "anthropic_key": (("sk-ant-",), r"\bsk-ant-[a-z0-9]+-[\w-]{80,}"),
    "aws_access_key": (("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "azure_storage_key": (("AccountKey=",), r"\bAccountKey=[A-Za-z0-9+/]{86}=="),
    "digitalocean_token": (("_v1_",), r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    "github_token": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b",
    ),
    "gitlab_token": (("glpat-",), r"\bglpat-[\w-]{20,}"),
    "google_api_key": (("AIza",), r"\bAIza[\w-]{35}"),
    "huggingface_token": (("hf_",), r"\bhf_[A-Za-z]{34}\b"),
    "json_web_token": (("eyJ",), r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{40,}"),
    "npm_token": (("npm_",), r"\bnpm_[A-Za-z0-9]{36}\b"),
    "openai_key": (("T3BlbkFJ",), r"\bsk-[\w-]{20,}T3BlbkFJ[\w-]{20,}"),
    "private_key": (
        ("PRIVATE KEY",),
        r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY(?: BLOCK)?-----\s+[A-Za-z0-9+/=:,\s-]{64,}",
    ),
    "pypi_token": (("pypi-AgE",), r"\bpypi-AgE[\w-]{50,}"),
    "sendgrid_key": (("SG.",), r"\bSG\.[\w-]{22}\.[\w-]{43}"),
    "slack_token": (
        ("xox", "hooks.slack.com"),
        r"\bxox[abeoprs]-[0-9A-Za-z-]{20,}|hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{24}",
    ),
    "stripe_key": (("k_live_",), r"\b[rs]k_live_[0-9A-Za-z]{24,}"),
}
_PATTERNS = {kind: re2.compile(pattern) for kind, (_, pattern) in _FORMATS.items()}
# One pass settles it for almost every text; 23 plain searches take five times as long.
_ANY = re2.Set.SearchSet()
_ANY.Add("|".join(re2.escape(sign) for signs, _ in _FORMATS.values() for sign in signs))
_ANY.Compile()
_PLACEHOLDERS = ("example", "xxxx", "your", "1234567890", "abcdefgh", "secret", "placeholder")
_FEWEST_CHARACTERS = 10


@filters.register("secrets")
class Secrets(TextFilter, frozen=True):
    """A key or token in a text of the reply, by the prefix, length and alphabet that its provider
    documents: a teacher may have learnt a real one.

    On for every job. Guesses from entropy or from words such as "password" are not made: they
    found 9,259 secrets in 200 clean texts, where formats find none in 4,000. What is plainly made
    up (`…EXAMPLE`, `xxxx`, fewer than ten different characters) passes. The verdict names the kind
    and the field, never the secret.
    """

    cost: ClassVar[int] = 35

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] | None = None
    """Which kinds; all of them if it is not said."""

    def __call__(self, sample: Sample) -> Finding | None:
        texts = self.texts(sample)
        if not _ANY.Match("\n".join([text for _, text in texts])):
            return None
        for field, text in texts:
            for kind in self.kinds or _FORMATS:
                if _holds(kind, text):
                    return self.found(None, kind, None, f"in {field}")
        return None


def _holds(kind: Kind, text: str) -> bool:
    for sign in _FORMATS[kind][0]:
        if sign in text:
            return any(not _is_made_up(found[0]) for found in _PATTERNS[kind].finditer(text))
    return False


def _is_made_up(secret: str) -> bool:
    lowered = secret.lower()
    few = len(set(secret.rpartition("_")[2])) < _FEWEST_CHARACTERS
    return few or any(word in lowered for word in _PLACEHOLDERS)
