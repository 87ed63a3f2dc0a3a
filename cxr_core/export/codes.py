"""The codes that objects of the standard carry, and where each stands.

In: a label of LABELS. Out: a Coding: value, scheme, meaning, and the place that it was taken from. SCT is SNOMED CT
(its codes within DICOM need no licence, PS3.16 8.1), DCM is PS3.16 annex D, UCUM the units. What no scheme names has a
code of our own in 99CXRSCREEN; PS3.5 and PS3.3 8.2 keep names that begin with 99 for private schemes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cxr_core.export.uids import uid_of
from cxr_core.records import COVID

PRIVATE = "99CXRSCREEN"
PRIVATE_NAME = "Chest X-ray triage, private codes"
PRIVATE_UID = uid_of("coding scheme", PRIVATE)


@dataclass(frozen=True, slots=True)
class Coding:
    """A coded concept (PS3.3 8.1): Code Value, Coding Scheme Designator, Code Meaning; ``where`` it stands."""

    value: str
    scheme: str
    meaning: str
    where: str

    @property
    def private(self) -> bool:
        """Whether no public scheme names it."""
        return self.scheme == PRIVATE


def _ours(value: str, meaning: str, where: str = "no public code") -> Coding:
    return Coding(value, PRIVATE, meaning, where)


FINDINGS: Mapping[str, Coding] = MappingProxyType(
    {
        COVID: _ours(
            "COVID_APPEARANCE",
            "COVID-19 appearance",
            "no public code: SNOMED CT 840539006 names the disease and 882784691000119100 its pneumonia, which a swab "
            "shows and a film does not",
        ),
        "Atelectasis": Coding("46621007", "SCT", "Atelectasis", "SNOMED CT International, disorder"),
        "Cardiomegaly": Coding(
            "8186001",
            "SCT",
            "Cardiomegaly",
            # PS3.16 CID 12248 prints 287272002 under this meaning, which is the septal foramen's.
            "SNOMED CT International, disorder",
        ),
        "Effusion": Coding("60046008", "SCT", "Pleural effusion", "PS3.16 CID 8134"),
        "Infiltrate": Coding("112121", "DCM", "Infiltrate", "PS3.16 CID 6102"),
        "Mass": Coding("4147007", "SCT", "Mass", "PS3.16 CID 6102"),
        "Nodule": Coding("27925004", "SCT", "Nodule", "PS3.16 CID 6102"),
        "Pneumonia": Coding("233604007", "SCT", "Pneumonia", "SNOMED CT International, disorder"),
        "Pneumothorax": Coding("36118008", "SCT", "Pneumothorax", "PS3.16 CID 6102"),
    }
)
"""What each label means to other systems: radiographic signs, coded as findings."""

LUNG = Coding("39607008", "SCT", "Lung", "PS3.16 CID 7151")
PLEURA = Coding("3120008", "SCT", "Pleura", "PS3.16 CID 7151")
HEART = Coding("80891009", "SCT", "Heart", "PS3.16 CID 7151")
CHEST = Coding("816094009", "SCT", "Chest", "PS3.16 CID 7151")

SITES: Mapping[str, Coding] = MappingProxyType(
    dict.fromkeys(FINDINGS, LUNG) | {"Cardiomegaly": HEART, "Effusion": PLEURA, "Pneumothorax": PLEURA}
)
"""The part of the body a label speaks of. Side and lobe are not told: no model here knows them."""

PROCEDURE = Coding("399208008", "SCT", "Plain chest X-ray", "SNOMED CT International, procedure")
REPORT = Coding("18748-4", "LN", "Diagnostic Imaging Report", "PS3.16 CID 7000")

SCORE = Coding("111012", "DCM", "Certainty of Finding", "PS3.16 annex D")
THRESHOLD = Coding("122411", "DCM", "Threshold Value", "PS3.16 annex D")
UNIT = Coding("1", "UCUM", "no units", "PS3.16 CID 7181")
COMMENT = Coding("121106", "DCM", "Comment", "PS3.16 annex D")
IMPRESSION = Coding("121073", "DCM", "Impression", "PS3.16 annex D")
STUDY_UID = Coding("110180", "DCM", "Study Instance UID", "PS3.16 annex D")

OF_BOX = _ours("SCORE_OF_BOX", "Score of the box, 0 to 1")
OF_FILM = _ours("SCORE_OF_FILM", "Calibrated probability, whole film, 0 to 1")
BY_SITE = _ours("SET_BY_SITE", "Set by the site for the score of the whole film")

FLAG = _ours("FLAG", "Score of the whole film against the site's threshold")
FLAGS: Mapping[bool, Coding] = MappingProxyType(
    {
        True: _ours("FLAGGED", "flagged"),
        False: _ours("NOT_FLAGGED", "not flagged; this is not a statement that nothing is there"),
    }
)

VERDICT = _ours("READER_VERDICT", "What a reader said of it")
VERDICTS: Mapping[str, Coding] = MappingProxyType(
    {
        "": _ours("NOT_REVIEWED", "not reviewed"),
        "of boxes": _ours("SEE_BOXES", "the reader spoke of its boxes"),
        "agree": _ours("AGREE", "the reader agrees"),
        "moved": _ours("MOVED", "the reader agrees, at another place"),
        "disagree": _ours("DISAGREE", "the reader disagrees"),
        "added": _ours("ADDED", "added by the reader"),
        "none": _ours("NO_DECISION", "a reader has looked, without a decision"),
    }
)

LANE = _ours("LANE", "Place in the worklist")
LANES: Mapping[str, Coding] = MappingProxyType(
    {name: _ours(f"LANE_{name.upper()}", name) for name in ("urgent", "soon", "check", "routine", "refused")}
)
CORNERS: Mapping[str, Coding] = MappingProxyType(
    {
        "x1": _ours("BOX_X1", "Left edge of the box, pixels"),
        "y1": _ours("BOX_Y1", "Top edge of the box, pixels"),
        "x2": _ours("BOX_X2", "Right edge of the box, pixels"),
        "y2": _ours("BOX_Y2", "Bottom edge of the box, pixels"),
    }
)
"""Where no standard has a region: FHIR and HL7 v2."""

FILM = _ours("FILM", "The film as a whole")
DECISION = _ours("READER_DECISION", "What a reader said of the flags as a whole")

SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "SCT": "http://snomed.info/sct",
        "DCM": "http://dicom.nema.org/resources/ontology/DCM",
        "LN": "http://loinc.org",
        "UCUM": "http://unitsofmeasure.org",
        PRIVATE: f"urn:oid:{PRIVATE_UID}",
    }
)
"""Coding scheme designator -> FHIR code system (PS3.16 table 8-1)."""


def every() -> tuple[Coding, ...]:
    """Every code in use, for the table in docs/exports.md and its test."""
    alone = (
        CHEST, PROCEDURE, REPORT, SCORE, THRESHOLD, UNIT, COMMENT, IMPRESSION, STUDY_UID, OF_BOX, OF_FILM, BY_SITE,
        FLAG, VERDICT, LANE, FILM, DECISION,
    )  # fmt: skip
    tables = (FINDINGS, SITES, FLAGS, VERDICTS, LANES, CORNERS)
    return tuple(dict.fromkeys((*alone, *(item for table in tables for item in table.values()))))


def other(label: str) -> Coding:
    """A private code for a finding of a model of the site's own."""
    told = "".join(char if char.isascii() and char.isalnum() else "_" for char in label.upper())
    return _ours(f"X_{told}"[:16], label[:64] or "Finding without a name")
