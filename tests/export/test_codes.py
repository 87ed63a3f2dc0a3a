"""Codes fit their attributes, are those of the standard's own tables, and are all told in the docs."""

import re
from pathlib import Path

from pydicom.sr._concepts_dict import concepts

from cxr_core.export import codes
from cxr_core.records import LABELS

DOCS = Path(__file__).resolve().parents[2] / "docs" / "exports.md"


def _in_the_standard(coding):
    """Every meaning and context group that PS3.16, as pydicom copies it, gives a code."""
    return [named[coding.value] for named in concepts[coding.scheme].values() if coding.value in named]


def test_each_label_has_a_finding_and_a_site():
    assert set(codes.FINDINGS) == set(codes.SITES) == set(LABELS)


def test_codes_fit_their_attributes():
    """PS3.5 6.2: SH holds 16 characters, LO 64."""
    for coding in codes.every():
        assert 0 < len(coding.value) <= 16, coding
        assert 0 < len(coding.scheme) <= 16, coding
        assert 0 < len(coding.meaning) <= 64, coding
        assert coding.where


def test_no_two_codes_of_a_scheme_are_one():
    named = [(coding.scheme, coding.value) for coding in codes.every()]
    assert len(set(named)) == len(named)


def test_codes_that_are_said_to_stand_in_the_standard_stand_there():
    for coding in codes.every():
        for group in re.findall(r"CID (\d+)", coding.where):
            assert any(int(group) in groups for _, groups in _in_the_standard(coding)), coding
        if "PS3.16 annex D" in coding.where:
            assert _in_the_standard(coding), coding
        if not coding.private and coding.where.startswith("PS3.16"):
            assert coding.meaning in [meaning for meaning, _ in _in_the_standard(coding)], coding


def test_what_the_standard_calls_cardiomegaly_by_mistake_is_not_used():
    meanings = [named["287272002"][0] for named in concepts["SCT"].values() if "287272002" in named]
    assert "Enlarged septal foramen of heart (disorder)" in meanings
    assert codes.FINDINGS["Cardiomegaly"].value != "287272002"


def test_a_private_code_says_so_and_why():
    for coding in codes.every():
        assert coding.private == coding.where.startswith("no public code")
    assert codes.FINDINGS["COVID-19"].private
    assert codes.other("Rib fracture, old").value == "X_RIB_FRACTURE__"


def test_no_code_calls_a_film_normal():
    for coding in codes.every():
        assert not re.search(r"\b(normal|negative|healthy)\b", coding.meaning, re.IGNORECASE)


def test_the_table_in_the_docs_has_every_code():
    told = DOCS.read_text(encoding="utf-8")
    for coding in codes.every():
        assert f"| {coding.value} | {coding.scheme} | {coding.meaning} | {coding.where} |" in told, coding
