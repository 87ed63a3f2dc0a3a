"""Phantoms: the same for the same seed, films to the readers, and never anybody's picture."""

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_core.errors import RecordError
from cxr_core.phantom import SIGNS, as_dicom, as_png, phantom, sample_files
from cxr_core.read import read
from cxr_core.settings import Settings


def test_a_phantom_is_a_film_of_the_size_asked_for():
    film = phantom(1, height=300, width=200)
    assert film.shape == (300, 200)
    assert film.dtype == np.uint16
    assert np.ptp(film) > 60_000


def test_the_same_seed_draws_the_same_film_and_another_seed_another():
    films = [phantom(seed, height=200, width=200, signs=("nodule",)) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(films[0], films[1])
    assert (films[0] != films[2]).mean() > 0.9


def test_lungs_are_dark_and_spine_and_liver_bright():
    film = phantom(2, height=512, width=512).astype(float)
    lungs = np.median(np.hstack([film[200:300, 100:180], film[200:300, 340:410]]))
    assert np.median(film[200:300, 250:262]) > 1.6 * lungs
    assert np.median(film[430:480, 100:180]) > 1.4 * lungs
    assert np.median(film[300:400, :8]) < 0.5 * lungs


@pytest.mark.parametrize("sign", SIGNS)
def test_every_sign_changes_the_lungs_where_it_belongs(sign):
    plain = phantom(3, height=512, width=512).astype(float)
    changed = np.abs(phantom(3, height=512, width=512, signs=(sign,)) - plain) > 4000
    rows, columns = np.nonzero(changed)
    assert 0.001 < changed.mean() < 0.2
    assert 0.1 * 512 < rows.mean() < 0.8 * 512
    assert columns.min() > 0.1 * 512
    assert columns.max() < 0.9 * 512


def test_the_word_synthetic_is_burnt_into_every_film():
    """Two films differ everywhere but in the letters, which are white."""
    corner = [phantom(seed)[20:65, 35:250] for seed in range(4)]
    assert np.mean([part == 65535 for part in corner], axis=0).round(3).tolist() == (corner[0] == 65535).tolist()
    assert 0.1 < (corner[0] == 65535).mean() < 0.5


@pytest.mark.parametrize(("options", "said"), [({"signs": ("fracture",)}, "fracture"), ({"width": 63}, "63 x")])
def test_what_cannot_be_drawn_is_said(options, said):
    with pytest.raises(RecordError, match=said):
        phantom(1, **options)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**31),
    bits=st.integers(8, 16),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    view=st.sampled_from(["PA", "AP"]),
)
def test_a_phantom_reads_back_as_it_was_drawn(seed, bits, photometric, view):
    film = phantom(seed, height=80, width=72)
    radiograph = read(as_dicom(film, photometric=photometric, bits=bits, view=view), "film", Settings())
    assert np.abs(radiograph.pixels.astype(int) - film).max() <= 65535 / (2**bits - 1)
    assert (radiograph.view, radiograph.warnings) == (view, ())
    np.testing.assert_array_equal(read(as_png(film), "film", Settings()).pixels, film)


def test_the_dicom_file_is_the_same_every_time_and_says_that_it_is_synthetic():
    film = phantom(1, height=80, width=80)
    assert as_dicom(film) == as_dicom(film)
    made, other = (pydicom.dcmread(io.BytesIO(as_dicom(film, seed=seed))) for seed in (0, 1))
    assert str(made.PatientName) == "SYNTHETIC^PHANTOM"
    assert made.PatientID == "SYNTHETIC"
    uids = [made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID, other.SOPInstanceUID]
    assert len(set(uids)) == 4
    assert all(uid.is_valid for uid in uids)
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID


def test_a_depth_that_dicom_films_do_not_have_is_refused():
    with pytest.raises(RecordError, match="17"):
        as_dicom(phantom(1, height=64, width=64), bits=17)


def test_the_samples_are_twelve_mixed_films_that_all_read():
    studies = [(name, make()) for name, make in sample_files()]
    assert len({name for name, _ in studies}) == 12
    radiographs = [read(data, name, Settings()) for name, data in studies]
    assert {radiograph.source for radiograph in radiographs} == {"png", "dicom"}
    assert all(radiograph.warnings == () for radiograph in radiographs)
    assert len({radiograph.sha256 for radiograph in radiographs}) == 12
    assert all(radiograph.name.startswith("synthetic-") for radiograph in radiographs)
