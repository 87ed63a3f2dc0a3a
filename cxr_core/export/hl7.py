r"""A result as an HL7 v2.5.1 ORU^R01 message, for sites without FHIR.

    MSH, PID, OBR, NTE       who, which study, that it is for research, the lane and why
    OBX of type NM           score of each label on the whole film, and the site's threshold
    OBX of type CWE          flagged or not, what a reader said
    OBX of type TX           each box: its corners in the source's pixels

In: a Result and the film's Origin. Out: UTF-8 with a carriage return after each segment, and MSH-18 says so. OBX-7 and
OBX-8 are left empty: a score below a threshold is no reference range and not "normal". This module knows no connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import hl7

from cxr_core.export import codes
from cxr_core.export.codes import Coding
from cxr_core.export.fhir import words
from cxr_core.export.objects import person_name
from cxr_core.export.origin import Origin
from cxr_core.export.result import Result, marks, told
from cxr_core.export.uids import uuid_of
from cxr_core.export.upright import upright
from cxr_core.records import LABELS

MEDIA_TYPE = "x-application/hl7-v2+er7"

_SYSTEMS = {codes.PRIVATE: codes.PRIVATE, "LN": "LN", "SCT": "SCT", "DCM": "DCM", "UCUM": "UCUM"}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_UNIT = ("1", "no units", "UCUM")

Value = str | Sequence[str]


def message(result: Result, origin: Origin, *, replaces: str = "") -> bytes:
    """The message; ``replaces`` is the control ID (MSH-10) of the one before."""
    status = _status(result, replaces)
    observed = (_obx(number, fields, status) for number, fields in enumerate(_observed(result, origin), 1))
    segments = [*_head(result, origin, replaces), *observed]
    text = "\r".join(segments) + "\r"
    hl7.parse(text)  # what cannot be read again must not leave
    return text.encode()


def control_id(result: Result, origin: Origin, replaces: str = "") -> str:
    """MSH-10 of the message: 20 characters, the most that version 2.5.1 allows."""
    return uuid_of("hl7", origin.study_uid, origin.instance_uid, result.digest(replaces)).hex[:20].upper()


def plain(text: str) -> str:
    """A text as it may stand in a field: one line, the separators escaped (2.7.1)."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return "".join(_ESCAPES.get(char, char) for char in line)


def _segment(name: str, fields: Iterable[Value]) -> str:
    said = [field if isinstance(field, str) else "^".join(field).rstrip("^") for field in fields]
    return "|".join((name, *said)).rstrip("|")


def _head(result: Result, origin: Origin, replaces: str) -> Iterator[str]:
    at, status = _time(result.told_at), _status(result, replaces)
    control = control_id(result, origin, replaces)
    sender = ["CXRSCREEN", "", "", "", at, "", ["ORU", "R01", "ORU_R01"], control, "P", "2.5.1", *[""] * 5]
    yield _segment("MSH|^~\\&", [*sender, "UNICODE UTF-8"])
    whose = [plain(origin.patient_id), "", "", plain(origin.issuer)]
    yield _segment("PID", ["1", "", whose, "", _name(origin.patient_name), "", origin.birth_date, origin.sex])
    accession = plain(origin.accession)
    fields: list[Value] = [""] * 25
    fields[0], fields[1], fields[2], fields[3] = "1", accession, accession, _coded(codes.REPORT)
    fields[6] = origin.study_date + origin.study_time[:6] if origin.study_date else ""
    fields[21], fields[23], fields[24] = at, "RAD", status
    if result.review and result.reviewed:
        # OBR-32, principal result interpreter: name as a component of sub-components, family first.
        parts = [plain(part) for part in person_name(result.review.reader).split("^")]
        fields += [*[""] * 6, "&".join(("", *parts))]
    yield _segment("OBR", fields)
    said = [*words(result), *([f"Replaces message {replaces}."] if replaces else [])]
    said += [notice.message for notice in origin.notices]
    for number, text in enumerate(said, 1):
        yield _segment("NTE", [str(number), "L", plain(text)])


def _observed(result: Result, origin: Origin) -> Iterator[list[Value]]:
    """OBX-2 to OBX-17 of each observation, without the status."""
    yield ["ST", _coded(codes.STUDY_UID), "", origin.study_uid]
    for label in (label for label in LABELS if label in result.screening.scores):
        coding = _coded(codes.FINDINGS[label])
        ref = result.speakers.get(label)
        method = plain(f"{ref.name} {ref.version} sha256:{ref.sha256}") if ref else ""
        yield ["NM", coding, "film", _decimal(result.screening.scores[label]), _UNIT, *[""] * 10, method]
        yield ["NM", coding, f"film.{codes.THRESHOLD.value}", _decimal(result.thresholds[label]), _UNIT]
        flagged = codes.FLAGS[label in result.assessment.flagged]
        yield ["CWE", coding, f"film.{codes.FLAG.value}", _coded(flagged)]
        yield ["CWE", coding, f"film.{codes.VERDICT.value}", _coded(codes.VERDICTS[result.verdict(label)])]
    turned = upright((notice.code for notice in result.screening.warnings), origin.width, origin.height)
    for number, mark in enumerate(marks(result), 1):
        corners = " ".join(f"{value:.2f}" for value in turned.box(mark.box).as_tuple())
        frame = f" frame {origin.frame}" if origin.frame else ""
        where = f"pixels x1 y1 x2 y2 of instance {origin.instance_uid}{frame}: {corners}"
        coding = _coded(codes.FINDINGS.get(mark.label) or codes.other(mark.label))
        yield ["TX", coding, f"box{number}", plain(f"{told(mark)}; {where}")]


def _obx(number: int, fields: list[Value], status: str) -> str:
    """OBX with its set ID and, in OBX-11, its status (table 0085), which is that of the report."""
    kept = [*fields, *[""] * (10 - len(fields))]
    kept[9] = status
    return _segment("OBX", [str(number), *kept])


def _decimal(value: float) -> str:
    """Six decimals at most, never an exponent (2.A.47, NM)."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _name(text: str) -> list[str]:
    """DICOM's family, given, middle, prefix, suffix -> XPN's family, given, middle, suffix, prefix (2.A.88)."""
    parts = [plain(part) for part in text.split("=", maxsplit=1)[0].split("^")[:5]]
    parts += [""] * (5 - len(parts))
    return [*parts[:3], parts[4], parts[3]]


def _coded(coding: Coding) -> tuple[str, str, str]:
    return coding.value, plain(coding.meaning), _SYSTEMS[coding.scheme]


def _status(result: Result, replaces: str) -> str:
    """OBR-25 (table 0123): preliminary, final once signed, corrected if it replaces another."""
    if result.review is None or not result.reviewed or result.review.signed_at is None:
        return "P"
    return "C" if replaces else "F"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S}+0000"
