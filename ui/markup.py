"""Small pieces of HTML, every text from outside escaped: the scores against their thresholds, urgency, figures.

In: numbers and words. Out: strings for st.html. Knows no page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from types import MappingProxyType

from cxr_core.records import COVID, LABELS, Screening
from ui.queue import reach
from ui.theme import LABEL_STYLES, LANE_STYLES


def lane(name: str) -> str:
    """Shape, word and, while hovering, what it means."""
    style = LANE_STYLES[name]
    return (
        f'<span class="cxr-lane {name}" title="{escape(style.meaning)}">'
        f'<i class="cxr-shape {name}" aria-hidden="true"></i>{style.word}</span>'
    )


def lanes(counts: Mapping[str, int]) -> str:
    """A line of lanes, each with how many stand in it."""
    parts = "".join(f"<span>{lane(name)} <b>{number}</b></span>" for name, number in counts.items())
    return f'<div class="cxr-figures">{parts}</div>'


def figures(pairs: Iterable[tuple[str, str]]) -> str:
    """A line of figures: (number, what of)."""
    return (
        '<div class="cxr-figures">'
        + "".join(f"<span><b>{escape(number)}</b> {escape(what)}</span>" for number, what in pairs)
        + "</div>"
    )


def quiet(text: str) -> str:
    """A sentence that steps back."""
    return f'<div class="cxr-quiet">{escape(text)}</div>'


def slider_meaning(flags: str, caught: str, foreseen: str, whole: str) -> str:
    """Beside a slider how many it flags today; below it what it catches and costs, and what that means here."""
    return (
        f'<div class="cxr-meaning"><span class="flags" title="films in the worklist flagged at this threshold">'
        f'{escape(flags)} flagged</span><span title="{escape(whole)}">{escape(caught)}</span></div>'
        f'<div class="cxr-meaning second"><span title="{escape(whole)}">{escape(foreseen)}</span></div>'
    )


def score_sentence(score: float, threshold: float, preset: str) -> str:
    """In the words of the look: never normal or negative, always with the threshold beside it."""
    places = 2
    while places < 4 and score != threshold and f"{score:.{places}f}" == f"{threshold:.{places}f}":
        places += 1
    side = "above" if score > threshold else "at" if score == threshold else "below"
    return f"Model score {score:.{places}f}, {side} your threshold {threshold:.{places}f} ({preset})"


def score_table(
    screening: Screening,
    thresholds: Mapping[str, float],
    preset: str,
    versions: str,
    beside: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The nine classes in their fixed order, each with a bar, a tick at its threshold and a sentence.

    ``beside`` is HTML to stand below a class's row, by label.
    """
    placed = {finding.label for finding in screening.findings}
    rows = "".join(
        _score_row(label, screening.scores[label], thresholds[label], preset, placed).removesuffix("</div>")
        + beside.get(label, "")
        + "</div>"
        for label in LABELS
    )
    return f'<div class="cxr-scores" title="{escape(versions)}">{rows}</div>'


def blind_table() -> str:
    """The nine classes for a reader who has not committed yet: names alone."""
    rows = "".join(
        f'{_score_head(label)}<span class="verdict"></span><span class="number"></span></div>' for label in LABELS
    )
    return f'<div class="cxr-scores"><div class="cxr-quiet">What do you see?</div>{rows}</div>'


def conflict(who: str, when: str, signed: bool) -> str:
    """Somebody else was first: who, when, and that nothing is lost."""
    signed_too = " and signed it off" if signed else ""
    return (
        f'<b role="alert">{escape(who)} saved a review of this film at {escape(when)}{signed_too}, after you began '
        "yours.</b>"
        + quiet("Neither was changed. Theirs is stored; yours is shown here and kept in this window, not saved yet.")
    )


def _score_row(label: str, score: float, threshold: float, preset: str, placed: Collection[str]) -> str:
    flagged = score >= threshold
    dashed = " dashed" if label == COVID else ""
    # A flag without a box is one that the model could not place, which does not make it less.
    unplaced = ". The model shows no place for it." if flagged and label not in placed else ""
    return (
        f"{_score_head(label, flagged=flagged)}"
        f'<span class="verdict">{"flagged" if flagged else "not flagged"}</span>'
        f'<span class="number">{score:.2f}</span>'
        f'<span class="track"><i class="fill{dashed}" style="width:{100 * reach(score, threshold):.1f}%;'
        f'background:{LABEL_STYLES[label].colour}"></i><i class="tick"></i></span>'
        f'<span class="sentence">{score_sentence(score, threshold, preset)}{unplaced}</span></div>'
    )


def _score_head(label: str, *, flagged: bool = False) -> str:
    return (
        f'<div class="cxr-score{" flagged" if flagged else ""}" data-label="{escape(label)}">'
        f'<span class="swatch{" dashed" if label == COVID else ""}" '
        f'style="background:{LABEL_STYLES[label].colour}"></span><span class="label">{escape(label)}</span>'
    )


def reasons(sentences: Iterable[str]) -> str:
    """Why a study stands where it stands."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="cxr-reasons">{items}</ul>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; the first column heads its rows."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    lines = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return f'<table class="cxr-table cxr-grid"><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>'


def study(name: str, tags: Iterable[str], rest: str) -> str:
    """What film this is, in one line."""
    marks = "".join(f'<span class="cxr-tag">{escape(tag)}</span>' for tag in tags)
    return (
        f'<div class="cxr-study"><b title="{escape(name)}">{escape(name)}</b>{marks}<span>{escape(rest)}</span></div>'
    )
