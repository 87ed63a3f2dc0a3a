"""What is known of the patient, beside the picture: structured fields, and what they and the picture's score come to.

In: a case. Out: drawings; what the reader fills in goes into the review. The picture's own score stands first and
unchanged, whatever is filled in. A blind reader gets the fields alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from cxr_core.context import SOURCES, Combination, combine
from cxr_core.errors import RecordError
from cxr_core.records import COVID, Context
from ui import markup, said
from ui.case import Case

_YES_NO = {"yes": True, "no": False}
_SEXES = {"F": "F", "M": "M", "other": "O"}
_UNVALIDATED = (
    "Never validated, by anyone: the ratios are of other patients, from 2020, measured without a picture, and picture "
    "and symptoms are not independent. It ranks nothing and flags nothing. The picture's own score stands as it is."
)


def patient_context(case: Case) -> None:
    """The fields, and below them every term of the combination with its source."""
    known = case.review.context or _from_file(case)
    told = said.context(known)
    with st.expander(f"Patient: {told}" if told else "Symptoms and context", key=f"context-{case.entry.key}"):
        _fields(case, known)
        if case.screening.scores and not case.blind:
            _sum(combine(case.screening.scores[COVID], known))


def _from_file(case: Case) -> Context:
    """What the file says of its patient, until the reader says something; nothing else is guessed."""
    who = case.screening.identity
    if who is None:
        return Context()
    age = who.years if who.years is not None and 0 <= who.years <= 130 else None
    sex = who.sex if who.sex in ("F", "M", "O") else ""
    return Context(age=round(age, 1) if age is not None else None, sex=sex)  # type: ignore[arg-type]


def _fields(case: Case, known: Context) -> None:
    left, right = st.columns(2, gap="small")
    with left:
        _choice(case, known, "fever", "Fever, 38 \u00b0C or more", _YES_NO)
        _choice(case, known, "contact", "Contact with a case", _YES_NO)
        _number(case, known, "spo2", "SpO2, % (room air)", (40.0, 100.0))
    with right:
        _choice(case, known, "cough", "Cough", _YES_NO)
        _choice(case, known, "sex", "Sex", _SEXES)
        _number(case, known, "age", "Age, years", (0.0, 130.0))
    _choice(case, known, "pcr", "PCR", {word: word for word in ("positive", "negative", "pending")})


def _choice(case: Case, known: Context, name: str, label: str, words: dict[str, Any]) -> None:
    key = _sync(case, name, next((word for word, value in words.items() if value == getattr(known, name)), None))
    unsaid = "" if name in ("pcr", "sex") else None
    st.segmented_control(
        label, list(words), key=key, on_change=_say, args=(case, known, name, key, {None: unsaid} | words)
    )


def _number(case: Case, known: Context, name: str, label: str, limits: tuple[float, float]) -> None:
    key = _sync(case, name, getattr(known, name))
    low, high = limits
    facts = {"min_value": low, "max_value": high, "step": 1.0, "format": "%.4g", "placeholder": "not known"}
    st.number_input(label, key=key, on_change=_say, args=(case, known, name, key, None), value=None, **facts)


def _sync(case: Case, name: str, value: Any) -> str:
    """The widget's key, and in the widget what the review says: it may have been undone, or be another session's."""
    key = f"context-{name}-{case.entry.key}"
    if st.session_state.get(key) != value or key not in st.session_state:
        st.session_state[key] = value
    return key


def _say(case: Case, known: Context, name: str, key: str, words: dict[Any, Any] | None) -> None:
    value = st.session_state[key]
    try:
        changed = replace(known, **{name: words[value] if words is not None else value})
    except RecordError:
        return  # the field itself says which numbers it takes
    case.say(context=changed)


def _sum(found: Combination) -> None:
    """The picture first, then every term that was said, then what they come to."""
    rows = [("Picture alone", "model score", f"{found.picture:.2f}", "")]
    rows += [
        (term.name, term.said, f"{term.weight:+.2f} (x {term.ratio:.2g})" if term.weight else "0", term.source)
        for term in found.terms
        if term.said
    ]
    if any(term.weight for term in found.terms):
        rows.append(("Picture and patient", "", f"{found.combined:.2f}", "weights add up on the logit scale"))
    st.html(markup.table(("COVID-19", "said", "score, or weight", "from"), rows))
    st.html(markup.quiet(_UNVALIDATED))
    for source in sorted({term.source for term in found.terms} & SOURCES.keys()):
        st.html(markup.quiet(SOURCES[source]))
