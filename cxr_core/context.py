"""The picture's COVID-19 score and what is known of the patient, put together on the logit scale; every term is shown.

In: a calibrated score and a Context. Out: a Combination: the score itself, one Term for each thing that could be known,
and what they come to. With s the picture's score:

    logit(combined) = logit(s) + sum of the terms' weights

A weight is the natural logarithm of a published odds ratio or likelihood ratio (``SOURCES``); what nobody said weighs
nothing. **The combination was never validated**, by this product or by anyone. What speaks against it: the ratios come
from other patients, of 2020; they were measured without a picture at hand, and a picture and a fever are not
independent, so both together count the same inflammation twice; the score is calibrated on its validation films, whose
share of COVID-19 is not the ward's. It ranks nothing and flags nothing. This module knows no film and no page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cxr_core.errors import RecordError
from cxr_core.records import Context

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "Diaz Badial 2022": (
            "Diaz Badial P et al. A new screening tool for SARS-CoV-2 infection based on self-reported patient "
            "clinical characteristics: the COV(19)-ID score. BMC Infect Dis 2022, doi:10.1186/s12879-022-07164-1. "
            "Odds ratios of one logistic regression on 9,081 tested patients, adjusted for each other."
        ),
        "Butler-Laporte 2021": (
            "Butler-Laporte G et al. Comparison of saliva and nasopharyngeal swab nucleic acid amplification testing. "
            "JAMA Intern Med 2021, doi:10.1001/jamainternmed.2020.8876. Swab: pooled sensitivity 84.8%, specificity "
            "98.9%."
        ),
    }
)

_FEVER, _COUGH, _CONTACT, _MALE = 2.7, 1.5, 1.7, 1.05
_SENSITIVITY, _SPECIFICITY = 0.848, 0.989
_PCR = {
    "positive": _SENSITIVITY / (1 - _SPECIFICITY),
    "negative": (1 - _SENSITIVITY) / _SPECIFICITY,
}

_REFERENCE = "what the odds ratio is compared with"
_NO_RATIO = "no published ratio at hand: not counted"
_SCORE_ROOM = 1e-4
"""A score of 0 or 1 has no logit; beyond these four digits a score is not known anyway."""


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that could be known: what was said, the ratio it stands for, and where that is from.

    ``weight`` is ln(ratio), 0 where it does not count; then ``source`` says why.
    """

    name: str
    said: str
    ratio: float
    source: str

    @property
    def weight(self) -> float:
        """What it adds to the log-odds."""
        return math.log(self.ratio)


@dataclass(frozen=True, slots=True)
class Combination:
    """``picture`` is the score as the model gave it; ``combined`` what picture and terms come to, in (0, 1)."""

    picture: float
    terms: tuple[Term, ...]
    combined: float


def combine(picture: float, context: Context) -> Combination:
    """The picture's score in [0, 1] and the context; RecordError for a score outside."""
    if not 0.0 <= picture <= 1.0:
        raise RecordError(f"a score must lie in [0, 1], got {picture}")
    terms = _terms(context)
    near = min(1 - _SCORE_ROOM, max(_SCORE_ROOM, picture))
    total = math.log(near / (1 - near)) + sum(term.weight for term in terms)
    told = any(term.weight for term in terms)
    return Combination(picture, terms, 1 / (1 + math.exp(-total)) if told else picture)


def _terms(context: Context) -> tuple[Term, ...]:
    """All seven in their order, said or not."""
    return (
        _yes_or_no("Fever (38 \u00b0C or more)", context.fever, _FEVER),
        _yes_or_no("Cough", context.cough, _COUGH),
        _yes_or_no("Contact with a confirmed case", context.contact, _CONTACT),
        _pcr(context),
        _sex(context),
        _uncounted("SpO2", None if context.spo2 is None else f"{context.spo2:g}%"),
        _uncounted("Age", None if context.age is None else f"{context.age:g} years"),
    )


def _yes_or_no(name: str, said: bool | None, ratio: float) -> Term:
    if said is None:
        return _unsaid(name)
    return Term(name, "yes", ratio, "Diaz Badial 2022") if said else Term(name, "no", 1.0, _REFERENCE)


def _pcr(context: Context) -> Term:
    if context.pcr in _PCR:
        return Term("PCR", context.pcr, _PCR[context.pcr], "Butler-Laporte 2021")
    return Term("PCR", "pending", 1.0, "no result yet") if context.pcr == "pending" else _unsaid("PCR")


def _sex(context: Context) -> Term:
    if not context.sex:
        return _unsaid("Sex")
    if context.sex == "M":
        return Term("Sex", "male", _MALE, "Diaz Badial 2022")
    return Term("Sex", "female" if context.sex == "F" else "other", 1.0, _REFERENCE)


def _uncounted(name: str, said: str | None) -> Term:
    return _unsaid(name) if said is None else Term(name, said, 1.0, _NO_RATIO)


def _unsaid(name: str) -> Term:
    return Term(name, "", 1.0, "")
