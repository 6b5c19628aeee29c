"""Masks, or notes, what identifies a person: addresses, numbers, accounts."""

import ipaddress
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import re2
from pydantic import Field

from app.curation.filter import TextFilter, filters
from app.curation.sample import Sample
from app.curation.texts import rewritten
from app.curation.verdict import Change, Finding

Kind = Literal["email", "iban", "credit_card", "ssn", "ip", "phone"]

_IBAN_MODULUS = 97
_CARD_DIGITS = range(13, 20)
_PHONE_DIGITS = range(8, 16)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _is_anybodys(address: str) -> bool:
    """Whether it is not under a name that RFC 2606 keeps for examples."""
    host = address.rpartition("@")[2].lower()
    last = host.rpartition(".")[2]
    return last not in {"example", "test", "invalid", "localhost"} and not any(
        host == name or host.endswith(f".{name}")
        for name in ("example.com", "example.org", "example.net")
    )


def _is_iban(text: str) -> bool:
    """ISO 13616: with country and check digits behind, letters as numbers, 1 remains modulo 97."""
    account = text.replace(" ", "")
    turned = account[4:] + account[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % _IBAN_MODULUS == 1


def _is_card(text: str) -> bool:
    """ISO/IEC 7812: 13 to 19 digits whose last one checks the others (Luhn)."""
    digits = [int(digit) for digit in _digits(text)]
    if len(digits) not in _CARD_DIGITS or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_ssn(text: str) -> bool:
    """As the US administration gives them: no group is all zeros, the first is not 666 nor 9xx."""
    area, group, serial = text.split("-")
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def _is_global_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _is_phone(text: str) -> bool:
    """Eight to fifteen digits (E.164), and none of the numbers 555-01xx, kept for fiction."""
    digits = _digits(text)
    return len(digits) in _PHONE_DIGITS and digits[-7:-2] != "55501"


# In this order: a card's number holds what looks like a telephone's. With each its sign, without
# which the pattern is not tried.
_KINDS: dict[Kind, tuple[Callable[[str], bool], str, Callable[[str], bool]]] = {
    "email": (
        lambda text: "@" in text,
        r"[A-Za-z0-9][\w.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b",
        _is_anybodys,
    ),
    "iban": (
        lambda _: True,
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        _is_iban,
    ),
    "credit_card": (
        lambda _: True,
        (
            r"\b[3-6][0-9]{12,18}\b|\b[3-6][0-9]{3}(?:[ -][0-9]{4}){3}(?:[ -][0-9]{1,3})?\b"
            r"|\b3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5}\b"
        ),
        _is_card,
    ),
    "ssn": (lambda text: "-" in text, r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", _is_ssn),
    "ip": (
        lambda text: "." in text or ":" in text,
        r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b(?:[0-9A-Fa-f]{1,4}::?){2,7}[0-9A-Fa-f]{1,4}\b",
        _is_global_address,
    ),
    "phone": (
        lambda _: True,
        (
            r"\+[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,4}\)[ .-]?)?[0-9]{1,5}(?:[ .-]?[0-9]{2,5}){1,5}\b"
            r"|\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-][0-9]{4}\b"
            r"|\b[2-9][0-9]{2}[.-][2-9][0-9]{2}[.-][0-9]{4}\b"
        ),
        _is_phone,
    ),
}
_PATTERNS = {kind: re2.compile(pattern) for kind, (_, pattern, _) in _KINDS.items()}
_DIGIT = re2.compile("[0-9]")


@filters.register("pii")
class Pii(TextFilter, frozen=True):
    """Personal data in the texts of the reply: e-mail and IP addresses, telephone, card and US
    social security numbers, bank accounts (IBAN).

    Masked, `[email]` stands for the address, in the record only: the raw reply is kept as it came.
    It runs before every other filter, so that rejects and digests too see what is stored. Cards and
    accounts have to pass their own checksums; examples' addresses (`example.com`), private networks
    and numbers kept for fiction (555-01xx) pass. Names are not looked for. Off unless a job
    asks for it: what a teacher makes up is nobody's.
    """

    cost: ClassVar[int] = 5

    action: Literal["mask", "flag", "drop"] = "mask"  # type: ignore[assignment]  # a third way
    """Masked and kept with a flag that counts them, only flagged, or dropped."""
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] | None = None
    """Which kinds; all of them if it is not said."""

    def __call__(self, sample: Sample) -> Finding | None:
        seen: Counter[str] = Counter()
        mask = partial(_masked, kinds=self.kinds or tuple(_KINDS), seen=seen)
        held = {f: sample.record[f] for f in self.fields or () if f in sample.record}
        masked = {field: rewritten(value, mask) for field, value in held.items()}
        if not seen:
            return None
        counts: dict[str, Any] = dict(seen)
        detail = f"in {', '.join(field for field in held if held[field] != masked[field])}"
        if self.action == "mask":
            note = self.flagged("masked", counts, None, detail)
            return Change({**sample.record, **masked}, note)
        return self.found(None, counts, None, detail)


def _masked(text: str, kinds: tuple[Kind, ...], seen: Counter[str]) -> str:
    has_digits = _DIGIT.search(text) is not None
    for kind, (sign, _, check) in _KINDS.items():
        if kind not in kinds or not (has_digits or kind == "email") or not sign(text):
            continue

        def write(match: Any, kind: Kind = kind, check: Callable[[str], bool] = check) -> str:
            if not check(match[0]):
                return str(match[0])
            seen[kind] += 1
            return f"[{kind}]"

        text = _PATTERNS[kind].sub(write, text)
    return text
