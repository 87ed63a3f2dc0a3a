"""The same film stored in every lossless way gets the same scores from the shipped models."""

import numpy as np
import pytest

from cxr_core.phantom import as_png
from cxr_core.pipeline import Screener
from cxr_core.settings import Settings
from tests import fakes
from tests.read import films
from tests.read.films import dicom, film


@pytest.mark.models
def test_encoding_and_polarity_change_no_score():
    screener = Screener(Settings(threads=1, second_opinions="none"))
    for seed in (1, 2):
        stored = film(seed, 360, 320)
        ways = {syntax.name: dicom(stored, syntax=syntax) for syntax in films.LOSSLESS}
        ways["inverted"] = dicom((4095 - stored).astype(np.uint16), PhotometricInterpretation="MONOCHROME1")
        ways["png"] = as_png(np.round(stored / 4095 * 65535).astype(np.uint16))
        said = list(screener.screen(fakes.given(name, data) for name, data in ways.items()))
        assert [item.refusal for item in said] == [None] * len(ways)
        table = np.array([list(item.scores.values()) for item in said])
        assert np.ptp(table, axis=0).max() <= 1e-3, dict(zip(ways, table, strict=True))
