"""The shipped weights: both runtimes say the same of the same film."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_core.detect import load_cards, load_detectors
from cxr_core.phantom import phantom
from cxr_core.prepare import letterbox
from cxr_core.records import LABELS
from cxr_core.settings import Settings

pytestmark = pytest.mark.models

SHAPES = ((1024, 1024), (2500, 2048), (900, 1400))


def settings_for(runtime):
    """The shipped models, or those of CXR_MODELS_DIR, so that a site can try its own."""
    return replace(Settings.from_environment(), runtime=runtime, threads=1)


@pytest.fixture(scope="module")
def films():
    return [phantom(seed, height=height, width=width) for seed, (height, width) in enumerate(SHAPES * 2)]


@pytest.fixture
def detectors():
    """(LiteRT, TensorFlow) of each shipped model."""
    litert = load_detectors(settings_for("litert"))
    return list(zip(litert, load_detectors(settings_for("tensorflow")), strict=True))


def batch_for(detector, films):
    return np.stack([letterbox(film, detector.card.input)[0] for film in films])


def test_every_label_has_a_model_and_every_model_both_runtimes():
    cards = load_cards(Settings.from_environment())
    assert sorted(str(label.finding) for card in cards for label in card.finding_labels) == sorted(LABELS)
    assert all(set(card.files) == {"litert", "saved_model"} for card in cards)


def test_raw_answers_agree(detectors, films):
    for litert, tensorflow in detectors:
        assert (litert.runtime_name, tensorflow.runtime_name) == ("litert", "tensorflow")
        batch = batch_for(litert, films)
        mine, other = litert.runtime.run(batch), tensorflow.runtime.run(batch)
        for name in ("image_scores", "boxes", "scores"):
            np.testing.assert_allclose(getattr(mine, name), getattr(other, name), rtol=0, atol=1e-3)


def test_the_same_boxes_and_scores_come_out(detectors, films):
    for litert, tensorflow in detectors:
        batch = batch_for(litert, films)
        side = max(litert.card.input.width, litert.card.input.height)
        for mine, other in zip(litert.detect(batch, 0.01), tensorflow.detect(batch, 0.01), strict=True):
            assert mine.scores == pytest.approx(other.scores, abs=1e-3)
            assert mine.labels == other.labels
            np.testing.assert_allclose(mine.boxes, other.boxes, rtol=0, atol=1e-3 * side)
            np.testing.assert_allclose(mine.box_scores, other.box_scores, rtol=0, atol=1e-3)


def test_a_batch_answers_as_its_films_do_alone(detectors, films):
    for litert, _ in detectors:
        batch = batch_for(litert, films)
        small = replace(litert, batch_size=2)
        alone = [small.detect(film[None])[0] for film in batch]
        for mine, other in zip(small.detect(batch), alone, strict=True):
            assert mine.scores == other.scores
            np.testing.assert_array_equal(mine.boxes, other.boxes)


def test_films_are_told_apart(detectors, films):
    """Frozen wrongly, a network answers every film alike, or by chance: here two runs agree and two films do not."""
    for litert, _ in detectors:
        batch = batch_for(litert, films)
        first, second = litert.runtime.run(batch), litert.runtime.run(batch)
        np.testing.assert_array_equal(first.image_scores, second.image_scores)
        assert (np.ptp(first.image_scores, axis=0) > 1e-6).all()
