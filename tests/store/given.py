"""Screenings for the tests of the store."""

from datetime import UTC, datetime

from cxr_core.records import LABELS, Identity, ImageFacts, ModelRef, Notice, Screening

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
OLD = (ModelRef("covid_ssd", "1", "a" * 64),)
NEW = (ModelRef("covid_ssd", "2", "b" * 64),)

REFUSED = Screening(
    "bomb.zip/x", "", "refused", refusal=Notice("unsafe_archive", "Too large when unpacked."), models=OLD
)


def screened(
    name: str = "a.png",
    sha256: str = "0" * 64,
    models: tuple[ModelRef, ...] = OLD,
    score: float = 0.5,
    identity: Identity | None = None,
) -> Screening:
    """A film on which every finding has the same score."""
    facts, scores = ImageFacts(640, 480, "PA", "png"), dict.fromkeys(LABELS, score)
    return Screening(name, sha256, "screened", image=facts, models=models, scores=scores, identity=identity)
