"""One film under review: what is shown of it, and every word and stroke of the reader on its way to the desk.

In: the queued study, the site, the session's thresholds, whether the reader reads blind. Out: changes to the review
(ui.desk) or, until a blind reader commits, to the blind draft (ui.blind).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from cxr_core.errors import RecordError
from cxr_core.export.result import Window
from cxr_core.records import LABELS, BlindRead, Review, Screening
from cxr_core.store import Entry
from ui import blind, desk, state, verdicts
from ui.queue import Queued
from ui.state import Site
from ui.thresholds import Thresholds

STROKE = "viewer_stroke"
"""(film, time of the last stroke that was kept): what the viewer's boxes know of."""

HEARD = "words_heard"
"""Time of the reader's last word on a finding."""

WINDOW = "viewer_window"
"""(film, the window that it was left with)."""

NAMELESS = "sign_nameless"
"""Key of the film that was to be signed by nobody."""


AS_READ = "as read"


def beside_film(item: Queued, current: Thresholds) -> Thresholds:
    """What the film's scores are held against: the session's thresholds, or those that it was read with."""
    if item.thresholds == current.values:
        return current
    read_with = item.entry.review
    name = read_with.preset if read_with and read_with.thresholds == item.thresholds else ""
    return Thresholds(name or AS_READ, item.thresholds, current.mine)


@dataclass(frozen=True, slots=True)
class Case:
    """A film on the reader's screen."""

    item: Queued
    site: Site
    thresholds: Thresholds
    blind: bool
    find: Callable[[str], Queued | None]
    """Another film of the queue by its key: a stroke may arrive when the reader has gone on."""

    @property
    def entry(self) -> Entry:
        """The film's entry."""
        return self.item.entry

    @property
    def screening(self) -> Screening:
        """What the models said of it."""
        return self.entry.screening

    @property
    def flagged(self) -> tuple[str, ...]:
        """What is above the session's thresholds."""
        return self.item.ranked.assessment.flagged

    @property
    def review(self) -> Review:
        """What stands on the screen."""
        return desk.on_screen(self.entry)

    def say(self, **said: Any) -> None:
        """Change the review, with the thresholds that stand beside the film."""
        under = {"thresholds": dict(self.thresholds.values), "preset": self.thresholds.preset}
        desk.change(self.site.store, self.entry, said, under if self.screening.scores else {})

    def say_findings(self, findings: verdicts.Findings) -> None:
        """Change the findings, and what they make of the flags as a whole."""
        decision = verdicts.overall(findings, self.flagged, self.review.decision)
        self.say(findings=findings, decision=decision)

    # What the components call; what they say stands in the session under their keys.

    def heard(self) -> None:
        """Words on findings, on all flags, the signature: those that were not heard before."""
        said = st.session_state["findings"]["said"]
        for word in said if isinstance(said, list) else ():
            at = word.get("at", 0)
            if at > st.session_state.get(HEARD, 0):
                st.session_state[HEARD] = at
                # A word for another film was meant for one that is no longer on the screen: it judges none unseen.
                if word.get("film") == self.screening.sha256:
                    self._word(word)

    def _word(self, word: Mapping[str, Any]) -> None:
        if word.get("what") == "sign":
            self.commit() if self.blind else self.sign()
        elif word.get("what") == "all" and not self.blind:
            self._all(word.get("status"))
        elif word.get("what") == "finding" and word.get("label") in LABELS:
            self._finding(str(word["label"]), word.get("status"))

    def _all(self, status: Any) -> None:
        if status == "agree":
            findings = verdicts.agreed_with_all(self.review.findings, self.flagged, self.screening.scores)
            self.say(findings=findings, decision="agree")
        elif status == "disagree":
            self.say(decision="disagree")

    def _finding(self, label: str, status: Any) -> None:
        known = status if status in ("agree", "disagree", "added") else None
        if self.blind:
            blind.name(self.entry, label, seen=known is not None)
        else:
            score = self.screening.scores.get(label)
            self.say_findings(verdicts.with_verdict(self.review.findings, label, known, score))

    def drawn(self) -> None:
        """Boxes as the reader left them, after each stroke."""
        stroke: Mapping[str, Any] = st.session_state["viewer"]["edit"]
        case = self._of(stroke)
        if case is None:
            return
        places = verdicts.places_from(stroke.get("places"), case.screening)
        if case.blind:
            blind.draw(case.entry, tuple(item for item in places if item.status == "added"))
        else:
            case.say_findings(verdicts.with_places(case.review.findings, places, case.flagged, case.screening.scores))
        if isinstance(stroke.get("seq"), int | float):
            st.session_state[STROKE] = (case.entry.key, stroke["seq"])

    def _of(self, stroke: Mapping[str, Any]) -> Case | None:
        """The case of the film that was drawn on; None for one that is not in the queue."""
        film = stroke.get("film")
        if film == self.screening.sha256:
            return self
        other = self.find(film) if isinstance(film, str) else None
        return replace(self, item=other, blind=blind.reads_blind(other.entry)) if other else None

    def taken_back(self) -> None:
        """The viewer's undo."""
        if st.session_state["viewer"]["undo"].get("film") == self.screening.sha256:
            self.undo()

    def undo(self) -> None:
        """Take the last change back."""
        if self.blind:
            blind.undo(self.entry)
        else:
            desk.undo(self.site.store, self.entry)

    def windowed(self) -> None:
        """The window that the film was left with."""
        seen: Mapping[str, Any] = st.session_state["viewer"]["window"]
        try:
            window = Window(float(seen["low"]), float(seen["high"]), inverted=seen.get("inverted") is True)
        except (KeyError, TypeError, ValueError, RecordError):
            return  # it comes from a browser
        st.session_state[WINDOW] = (seen.get("film"), window)

    @property
    def window(self) -> Window | None:
        """The reader's window on this film, for an exported picture; None: as it was read."""
        film, window = st.session_state.get(WINDOW, ("", None))
        return window if film == self.screening.sha256 else None

    @property
    def can_undo(self) -> bool:
        """Whether there is one."""
        return blind.can_undo(self.entry) if self.blind else desk.can_undo(self.entry)

    def sign(self) -> None:
        """Sign off what stands there, with the reader's name."""
        if not desk.who()["reader"]:
            st.session_state[NAMELESS] = self.entry.key
        elif self.review.signed_at is None:
            self.say(signed_at=state.now())

    def commit(self) -> None:
        """End the blind read: it is kept, and what was seen is carried over into the review."""
        read = blind.taken(self.entry)
        findings = self.review.findings
        for label in read.named:
            if verdicts.verdict(findings, label) in (None, "disagree"):
                status = "agree" if label in self.flagged else "added"
                findings = verdicts.with_verdict(findings, label, status, self.screening.scores.get(label))
        findings = (*findings, *read.boxes)
        decision = verdicts.overall(findings, self.flagged, self.review.decision)
        self.say(blind=BlindRead(read.boxes, read.named, state.now()), findings=findings, decision=decision)
