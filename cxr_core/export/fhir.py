"""A result as a FHIR R4 (4.3) transaction Bundle: DiagnosticReport, Observations, ImagingStudy, Device, Patient.

In: a Result and the film's Origin. Out: JSON that fhir.resources has checked. An Observation a label holds the score of
the whole film, the site's threshold, flagged or not, and the reader's verdict; each box is an Observation of its own, a
member of its label's, with corners in the source's pixels. Every entry is a conditional create by an identifier that is
the same each time, so that sending twice makes one. This module knows no server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from fhir.resources.R4B.bundle import Bundle

from cxr_core.export import codes
from cxr_core.export.codes import Coding
from cxr_core.export.objects import MODEL_NAME, person_name
from cxr_core.export.origin import Origin
from cxr_core.export.result import NOTICE, Mark, Result, clean, marks, second_opinions
from cxr_core.export.uids import uuid_of
from cxr_core.export.upright import upright
from cxr_core.records import LABELS

MEDIA_TYPE = "application/fhir+json"

_URI = "urn:ietf:rfc:3986"
_DICOM = "urn:dicom:uid"
_REPLACES = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-replaces"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
_CORNERS = ("x1", "y1", "x2", "y2")

Json = dict[str, Any]


def bundle(result: Result, origin: Origin, *, replaces: str = "") -> bytes:
    """The Bundle as UTF-8 JSON; ``replaces`` is the identifier (urn:uuid:...) of the report before."""
    made = _Resources(result, origin, replaces)
    entries = [_entry(resource) for resource in made.all()]
    found = Bundle.model_validate(
        {"resourceType": "Bundle", "type": "transaction", "timestamp": _instant(result.told_at), "entry": entries}
    )
    return found.model_dump_json(exclude_none=True).encode()


def identifier_of(result: Result, origin: Origin, replaces: str = "") -> str:
    """The identifier of the report that ``bundle`` makes."""
    return _urn(origin, "report", result.digest(replaces))


def _urn(origin: Origin, *parts: str) -> str:
    return uuid_of("fhir", origin.study_uid, origin.instance_uid, *parts).urn


def _entry(resource: Json) -> Json:
    """A conditional create: a server that has this identifier keeps what it has (FHIR R4 3.1.0.8.1)."""
    named = resource["identifier"][0]
    return {
        "fullUrl": resource["fullUrl"],
        "resource": {key: value for key, value in resource.items() if key != "fullUrl"},
        "request": {
            "method": "POST",
            "url": resource["resourceType"],
            "ifNoneExist": f"identifier={_token(named.get('system', ''))}|{_token(named['value'])}",
        },
    }


def _token(text: str) -> str:
    """A value within a search parameter (FHIR R4 3.1.1.3.1), and that within a query (RFC 3986)."""
    for char in "\\|,$":
        text = text.replace(char, f"\\{char}")
    return "".join(char if char.isascii() and (char.isalnum() or char in "-._~:/") else _percent(char) for char in text)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


class _Resources:
    """The resources of one bundle, in an order in which each refers to earlier ones only."""

    def __init__(self, result: Result, origin: Origin, replaces: str) -> None:
        self._result, self._origin, self._replaces = result, origin, replaces
        self._version = result.digest(replaces)
        self._subject = {"reference": _urn(origin, "patient")}
        self._device = {"reference": _urn(origin, "device", self._version)}
        self._study = {"reference": _urn(origin, "study")}

    def all(self) -> Iterator[Json]:
        """Patient, device, study, observations, report."""
        yield self._patient()
        yield self._machine()
        yield self._imaging()
        observations = [*self._observations()]
        yield from observations
        yield self._report([item["fullUrl"] for item in observations])

    def _patient(self) -> Json:
        origin = self._origin
        # Without an ID of the hospital's, nothing may match another patient: the study stands in for it.
        named: Json = {"value": origin.patient_id} if origin.patient_id else _study_identifier(origin)
        if origin.patient_id and origin.issuer:
            named |= {"assigner": {"display": origin.issuer}}
        name = _human(origin.patient_name)
        sex = {"M": "male", "F": "female", "O": "other"}.get(origin.sex, "unknown")
        return {
            "resourceType": "Patient",
            "fullUrl": self._subject["reference"],
            "identifier": [named],
            **({"name": [name]} if name else {}),
            "gender": sex,
            **({"birthDate": day} if (day := _day(origin.birth_date)) else {}),
        }

    def _machine(self) -> Json:
        models = self._result.screening.models
        return {
            "resourceType": "Device",
            "fullUrl": self._device["reference"],
            "identifier": [{"system": _URI, "value": self._device["reference"]}],
            "deviceName": [{"name": MODEL_NAME, "type": "model-name"}],
            "version": [{"value": f"{ref.name} {ref.version} sha256:{ref.sha256}"} for ref in models]
            or [{"value": "no model was asked"}],
            "note": [{"text": NOTICE}],
        }

    def _imaging(self) -> Json:
        origin = self._origin
        instance = {"uid": origin.instance_uid, "sopClass": {"system": _URI, "code": f"urn:oid:{origin.class_uid}"}}
        modality = {"system": codes.SYSTEMS["DCM"], "code": origin.modality or "OT"}
        series = {"uid": origin.series_uid, "modality": modality, "instance": [instance]}
        accession = {"type": {"coding": [{"code": "ACSN"}]}, "value": origin.accession}
        return {
            "resourceType": "ImagingStudy",
            "fullUrl": self._study["reference"],
            "identifier": [_study_identifier(origin), *([accession] if origin.accession else [])],
            "status": "available",
            "subject": self._subject,
            **({"started": day} if (day := _day(origin.study_date)) else {}),
            "series": [series],
            **({"note": [{"text": item.message} for item in origin.notices]} if origin.notices else {}),
        }

    def _observations(self) -> Iterator[Json]:
        result, origin = self._result, self._origin
        turned = upright((notice.code for notice in result.screening.warnings), origin.width, origin.height)
        boxes = list(enumerate(marks(result), 1))
        members: dict[str, list[Json]] = {}
        for number, mark in boxes:
            found = self._box(mark, number, turned.box(mark.box).as_tuple())
            members.setdefault(mark.label, []).append({"reference": found["fullUrl"]})
            yield found
        for label in (label for label in LABELS if label in result.screening.scores):
            yield self._label(label, members.get(label, []))

    def _observation(self, name: str, label: str, parts: list[Json]) -> Json:
        at = f"{name} {label}"
        url = _urn(self._origin, "observation", at, self._version)
        coding = codes.FINDINGS.get(label) or codes.other(label)
        return {
            "resourceType": "Observation",
            "fullUrl": url,
            "identifier": [{"system": _URI, "value": url}],
            "status": self._status(),
            "category": [{"coding": [{"system": _CATEGORY, "code": "imaging"}]}],
            "code": _concept(coding),
            "bodySite": _concept(codes.SITES.get(label, codes.CHEST)),
            "subject": self._subject,
            "issued": _instant(self._result.told_at),
            "device": self._device,
            "derivedFrom": [self._study],
            "component": parts,
        }

    def _label(self, label: str, members: list[Json]) -> Json:
        result = self._result
        flagged = label in result.assessment.flagged
        parts = [
            {"code": _concept(codes.THRESHOLD), "valueQuantity": _number(result.thresholds[label])},
            {"code": _concept(codes.FLAG), "valueCodeableConcept": _concept(codes.FLAGS[flagged])},
            {"code": _concept(codes.VERDICT), "valueCodeableConcept": _concept(codes.VERDICTS[result.verdict(label)])},
        ]
        ref = result.speakers.get(label)
        said = f"{ref.name} {ref.version} sha256:{ref.sha256}" if ref else "model not named"
        found = self._observation("film", label, parts) | {
            "valueQuantity": _number(result.screening.scores[label]),
            "method": {**_concept(codes.OF_FILM), "text": said},
        }
        return found | ({"hasMember": members} if members else {})

    def _box(self, mark: Mark, number: int, corners: tuple[float, float, float, float]) -> Json:
        pixel = {"unit": "pixel", "system": codes.SYSTEMS["UCUM"], "code": "{pixel}"}
        corner = {"x1": "left", "y1": "top", "x2": "right", "y2": "bottom"}
        parts: list[Json] = [
            {
                "code": {**_concept(codes.CORNERS[name]), "text": f"{corner[name]} edge of the box in {self._where()}"},
                "valueQuantity": {"value": round(value, 3), **pixel},
            }
            for name, value in zip(_CORNERS, corners, strict=True)
        ]
        parts.append({"code": _concept(codes.VERDICT), "valueCodeableConcept": _concept(codes.VERDICTS[mark.verdict])})
        found = self._observation(f"box {number} {mark.by}", mark.label, parts)
        if mark.by == "reader":
            return found | {"method": {"text": "drawn by a reader"}}
        score = {} if mark.score is None else {"valueQuantity": _number(mark.score)}
        return found | score | {"method": _concept(codes.OF_BOX)}

    def _where(self) -> str:
        frame = f", frame {self._origin.frame}" if self._origin.frame else ""
        return f"pixels of instance {self._origin.instance_uid}{frame}, from the outer corner of its first pixel"

    def _report(self, observations: list[str]) -> Json:
        result, review = self._result, self._result.review
        url = identifier_of(result, self._origin, self._replaces)
        found: Json = {
            "resourceType": "DiagnosticReport",
            "fullUrl": url,
            "identifier": [{"system": _URI, "value": url}],
            "status": self._status(),
            "category": [{"coding": [{"system": _SECTION, "code": "RAD", "display": "Radiology"}]}],
            "code": _concept(codes.REPORT),
            "subject": self._subject,
            "issued": _instant(result.told_at),
            "imagingStudy": [self._study],
            "conclusion": " ".join(words(result)),
        }
        if observations:
            found["result"] = [{"reference": item} for item in observations]
        if day := _day(self._origin.study_date):
            found["effectiveDateTime"] = day
        if review and review.said:
            found["resultsInterpreter"] = [{"display": " ".join(reversed(person_name(review.reader).split("^")))}]
        if self._replaces:
            before = {"reference": self._replaces, "identifier": {"system": _URI, "value": self._replaces}}
            found["extension"] = [{"url": _REPLACES, "valueReference": before}]
        return found

    def _status(self) -> str:
        """Preliminary until a person signs; a signed report that replaces another is an amended one."""
        review = self._result.review
        if review is None or not review.said or review.signed_at is None:
            return "preliminary"
        return "amended" if self._replaces else "final"


def words(result: Result) -> Iterator[str]:
    """The result in sentences of clean text: that it is research, the lane and why, then what a reader said."""
    yield from (text for text in map(clean, _words(result)) if text)


def _words(result: Result) -> Iterator[str]:
    yield NOTICE
    if result.synthetic:
        yield "Generated phantom, not a radiograph of a person."
    yield f"Place in the worklist: {result.lane}."
    yield from result.assessment.reasons
    yield from (f"{notice.message}" for notice in result.screening.warnings)
    yield from second_opinions(result)
    review = result.review
    if review and review.said:
        told = {"agree": "agrees with", "disagree": "disagrees with"}.get(review.decision)
        yield f"The reader {told} the flags." if told else "A reader has looked at it."
        yield from (f"{item.label}: {codes.VERDICTS[item.status].meaning}." for item in review.findings)
        yield from (review.comment, review.impression)


def _study_identifier(origin: Origin) -> Json:
    return {"system": _DICOM, "value": f"urn:oid:{origin.study_uid}"}


def _concept(coding: Coding) -> Json:
    return {"coding": [{"system": codes.SYSTEMS[coding.scheme], "code": coding.value, "display": coding.meaning}]}


def _number(value: float) -> Json:
    return {"value": round(value, 6), "unit": "1", "system": codes.SYSTEMS["UCUM"], "code": "1"}


def _human(name: str) -> Mapping[str, Any]:
    """A person's name from its alphabetic group (PS3.5 6.2.1)."""
    parts = [part.strip() for part in name.split("=", maxsplit=1)[0].split("^")]
    family, given = parts[0], [part for part in parts[1:3] if part]
    return {**({"family": family} if family else {}), **({"given": given} if given else {})}


def _day(text: str) -> str:
    """YYYYMMDD -> YYYY-MM-DD, "" for what is no day."""
    try:
        return datetime.strptime(text, "%Y%m%d").date().isoformat()  # noqa: DTZ007, RUF100 - a day has no zone
    except ValueError:
        return ""


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
