"""Hypothesis strategies for records, shared by the property tests."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from cxr_core.records import (
    LABELS,
    BlindRead,
    Box,
    Context,
    Finding,
    FindingReview,
    ImageFacts,
    ModelRef,
    Notice,
    Opinion,
    Review,
    Screening,
    Seconds,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)  # lone surrogates cannot be UTF-8
# Characters that a spreadsheet, a CSV reader or an escape could take amiss.
NASTY = st.text(st.sampled_from("'=+-@\t\r\n\",;0\uff1d\0 a"), max_size=8) | TEXT
UNIT = st.floats(0.0, 1.0, allow_nan=False)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1), timezones=ZONES | st.just(UTC))  # noqa: DTZ001, RUF100
NOTICES = st.builds(Notice, TEXT, TEXT)
SECONDS = st.builds(Seconds, *[st.floats(0, 1e4)] * 3)
MODELS = st.lists(
    st.builds(ModelRef, st.sampled_from(["covid_ssd", "nih_ssd", "other"]), st.just("1.2"), HEX), max_size=3
)
FACTS = st.builds(
    ImageFacts,
    st.integers(1, 20_000),
    st.integers(1, 20_000),
    st.sampled_from(["PA", "AP", None]),
    st.sampled_from(["dicom", "png", "jpeg"]),
)


@st.composite
def boxes(draw) -> Box:
    x, y = draw(st.floats(0, 1e4)), draw(st.floats(0, 1e4))
    return Box(x, y, x + draw(st.floats(0.01, 1e4)), y + draw(st.floats(0.01, 1e4)))


FINDINGS = st.builds(Finding, st.sampled_from(LABELS), UNIT, boxes())
SCORES = st.fixed_dictionaries(dict.fromkeys(LABELS, UNIT))


OPINIONS = st.builds(
    Opinion,
    st.builds(ModelRef, st.sampled_from(["covid_cnn", "radiography4", "their model"]), st.just("1.0"), HEX),
    st.dictionaries(st.sampled_from((*LABELS, "Lung opacity")), UNIT, max_size=3),
)


@st.composite
def screenings(draw, *, file=NASTY) -> Screening:
    """A screened or a refused image."""
    common = {
        "file": draw(file),
        "sha256": draw(HEX),
        "warnings": tuple(draw(st.lists(NOTICES, max_size=2))),
        "models": tuple(draw(MODELS)),
        "seconds": draw(SECONDS),
    }
    if draw(st.booleans()):
        return Screening(status="refused", refusal=draw(NOTICES), image=draw(st.none() | FACTS), **common)
    findings = tuple(draw(st.lists(FINDINGS, max_size=3)))
    opinions = tuple(draw(st.lists(OPINIONS, max_size=2, unique_by=lambda opinion: opinion.model.name)))
    return Screening(
        status="screened", image=draw(FACTS), scores=draw(SCORES), findings=findings, opinions=opinions, **common
    )


WORDS = st.none() | st.booleans()
CONTEXTS = st.builds(
    Context,
    WORDS,
    WORDS,
    st.none() | st.floats(40, 100),
    WORDS,
    st.sampled_from(["", "positive", "negative", "pending"]),
    st.none() | st.floats(0, 130),
    st.sampled_from(["", "F", "M", "O"]),
)


@st.composite
def finding_reviews(draw) -> FindingReview:
    """Of a label, of a model's box kept, moved or rejected, or a reader's own box."""
    status = draw(st.sampled_from(["agree", "disagree", "added"]))
    model = draw(st.none() | boxes()) if status != "added" else None
    place = None if status == "disagree" else draw(boxes() if model else st.none() | boxes())
    return FindingReview(draw(st.sampled_from(LABELS)), status, place, model, draw(st.none() | UNIT))


@st.composite
def blind_reads(draw) -> BlindRead:
    label = st.sampled_from(LABELS)
    findings = draw(st.lists(st.builds(FindingReview, label, st.just("added"), boxes()), max_size=3))
    named = draw(st.sets(label, max_size=4)) | {item.label for item in findings}
    return BlindRead(tuple(findings), tuple(name for name in LABELS if name in named), draw(TIMES))


REVIEWS = st.builds(
    Review,
    decision=st.sampled_from(["agree", "disagree", "none"]),
    comment=NASTY,
    reviewed_at=TIMES,
    findings=st.lists(finding_reviews(), max_size=4).map(tuple),
    impression=NASTY,
    context=st.none() | CONTEXTS,
    reader=TEXT,
    role=TEXT,
    blind=st.none() | blind_reads(),
    signed_at=st.none() | TIMES,
    version=st.integers(0, 10_000),
    thresholds=st.none() | SCORES,
    preset=st.sampled_from(["", "balanced", "mine"]),
)
