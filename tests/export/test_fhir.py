"""The bundle: what fhir.resources reads again, whose references hold, and that says of a score what it is."""

import json
import re

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings

from cxr_core.export import codes, fhir
from cxr_core.export.origin import origin_of_picture
from cxr_core.export.result import NOTICE, marks
from cxr_core.export.upright import upright
from cxr_core.records import LABELS, Box, FindingReview
from tests.export.results import (
    AT,
    HEIGHT,
    SHA256,
    UNDER,
    WIDTH,
    header,
    origin,
    refused,
    result,
    results,
    review,
)  # fmt: skip

BEFORE = "urn:uuid:6f1b6b2e-0a57-5d0c-8d4e-4b1c6f6d3a90"


def _resources(made, where=None, **more) -> dict[str, list[dict]]:
    data = fhir.bundle(made, where or origin(), **more)
    Bundle.model_validate_json(data)
    found: dict[str, list[dict]] = {}
    for entry in json.loads(data)["entry"]:
        resource = entry["resource"]
        found.setdefault(resource["resourceType"], []).append(resource)
    return found


def _code(concept) -> str:
    return concept["coding"][0]["code"]


def _parts(observation) -> dict[str, dict]:
    return {_code(item["code"]): item for item in observation["component"]}


@settings(max_examples=15)
@given(results())
def test_read_back_it_gives_the_same_boxes(made):
    turned = upright((notice.code for notice in made.screening.warnings), WIDTH, HEIGHT)
    found = []
    for item in _resources(made)["Observation"]:
        parts = _parts(item)
        if "BOX_X1" in parts:
            found.append([parts[f"BOX_{name}"]["valueQuantity"]["value"] for name in ("X1", "Y1", "X2", "Y2")])
    expected = [turned.box(mark.box).as_tuple() for mark in marks(made)]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_every_reference_is_of_an_entry_and_every_entry_a_conditional_create():
    said = review(FindingReview("Nodule", "added", UNDER))
    entries = json.loads(fhir.bundle(result(review=said), origin()))["entry"]
    urls = [entry["fullUrl"] for entry in entries]
    assert len(set(urls)) == len(urls)
    referred = set(re.findall(r'"reference": ?"([^"]+)"', json.dumps(entries)))
    assert referred <= set(urls)
    for entry in entries:
        value = entry["resource"]["identifier"][0]["value"]
        assert entry["request"]["method"] == "POST"
        assert entry["request"]["ifNoneExist"].endswith(f"|{value}")


def test_a_label_has_score_threshold_flag_and_model():
    by_code = {_code(item["code"]): item for item in _resources(result())["Observation"] if "hasMember" in item}
    item = by_code["60046008"]
    assert item["valueQuantity"]["value"] == 0.9
    assert item["method"]["text"] == f"nih_ssd 1.0+abc sha256:{'9a' * 32}"
    parts = _parts(item)
    assert parts[codes.THRESHOLD.value]["valueQuantity"]["value"] == 0.5
    assert _code(parts["FLAG"]["valueCodeableConcept"]) == "FLAGGED"
    assert "interpretation" not in json.dumps(item)  # no score is normal or abnormal
    whole = [item for item in _resources(result())["Observation"] if "FLAG" in _parts(item)]
    assert len(whole) == len(LABELS)


def test_the_study_is_the_films():
    source = header()
    (study,) = _resources(result())["ImagingStudy"]
    assert study["identifier"][0] == {"system": "urn:dicom:uid", "value": f"urn:oid:{source.StudyInstanceUID}"}
    assert study["series"][0]["instance"][0]["uid"] == source.SOPInstanceUID
    (report,) = _resources(result())["DiagnosticReport"]
    assert len(report["imagingStudy"]) == 1
    assert NOTICE in report["conclusion"]


def test_status_follows_the_signature_and_a_new_version_names_the_old_one():
    def status(**facts):
        more = {"replaces": facts.pop("replaces")} if "replaces" in facts else {}
        (report,) = _resources(result(**facts), **more)["DiagnosticReport"]
        return report["status"]

    assert status() == "preliminary"
    assert status(review=review()) == "preliminary"
    assert status(review=review(signed_at=AT)) == "final"
    assert status(review=review(signed_at=AT), replaces=BEFORE) == "amended"
    (report,) = _resources(result(review=review()), replaces=BEFORE)["DiagnosticReport"]
    assert report["extension"][0]["valueReference"]["identifier"]["value"] == BEFORE
    assert report["identifier"][0]["value"] == fhir.identifier_of(result(review=review()), origin(), BEFORE)


def test_a_disagreement_is_told():
    said = review(FindingReview("Effusion", "disagree", None), comment="Old scar.")
    (report,) = _resources(result(review=said))["DiagnosticReport"]
    assert "Effusion: the reader disagrees." in report["conclusion"]
    assert "Old scar." in report["conclusion"]
    assert report["resultsInterpreter"][0]["display"] == "Jane Roe"


def test_a_refused_film_has_a_report_and_no_score():
    found = _resources(refused())
    assert "Observation" not in found
    assert "refused" in found["DiagnosticReport"][0]["conclusion"]


def test_a_picture_has_a_patient_of_its_own():
    (patient,) = _resources(result(), origin_of_picture(SHA256, WIDTH, HEIGHT))["Patient"]
    assert patient["identifier"][0]["value"].startswith("PICTURE-")
    assert patient["name"] == [{"family": "UNKNOWN", "given": ["PICTURE"]}]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_odd_names_and_ids_are_carried_whole():
    where = origin(PatientID="A|1,2$&=x y", PatientName="Müller O'Neil^Zoë^漢=X^Y", PatientBirthDate="19700230")
    data = fhir.bundle(
        result(review=review(FindingReview("Mass", "added", Box(1, 2, 9, 9)), comment="\x00\ud800")), where
    )
    (patient,) = [e for e in json.loads(data)["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert patient["resource"]["identifier"][0]["value"] == "A|1,2$&=x y"
    assert patient["request"]["ifNoneExist"] == "identifier=|A%5C%7C1%5C%2C2%5C%24%26%3Dx%20y"
    assert patient["resource"]["name"] == [{"family": "Müller O'Neil", "given": ["Zoë", "漢"]}]
    assert "birthDate" not in patient["resource"]  # the 30th of February is no day


def test_the_same_result_gives_the_same_bytes():
    assert fhir.bundle(result(), origin()) == fhir.bundle(result(), origin())
