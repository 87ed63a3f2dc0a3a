"""The shipped weights: both runtimes say the same of the same film."""

from dataclasses import replace

import numpy as np
import pytest

from cxr_core.detect import clear, load_cards, load_detectors
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
    assert all({"litert", "saved_model"} <= set(card.files) for card in cards)


def test_files_in_8_bits_lose_no_more_than_is_allowed():
    """As measured on the same real films with both files when they were made; the card holds both figures."""
    for card in load_cards(Settings.from_environment()):
        if "litert_int8" not in card.files:
            continue
        told = card.metrics["in_8_bits_beside_single_precision"]
        losses = {
            name: -figure["difference"]["value"] for name, figure in told.items() if "auc" in name or "map" in name
        }
        assert {"auc", "map"} == {"auc" if "auc" in name else "map" for name in losses}
        assert all(loss <= (0.002 if "auc" in name else 0.005) for name, loss in losses.items()), card.name
        assert told["megabytes"]["in_8_bits"] < 0.5 * told["megabytes"]["single_precision"]


def test_8_bits_and_single_precision_see_the_same_of_a_film(films):
    """Rounding moves a score a little; a file of other weights, or one converted wrongly, would not stay near."""
    plain = load_detectors(settings_for("litert"))
    clear()
    rounded = load_detectors(settings_for("litert_int8"))
    pairs = [pair for pair in zip(plain, rounded, strict=True) if pair[1].runtime_name == "litert_int8"]
    assert pairs, "a shipped detector has a file in 8 bits"
    for one, other in pairs:
        batch = batch_for(one, films)
        mine, theirs = one.runtime.run(batch).image_scores, other.runtime.run(batch).image_scores
        assert np.abs(mine - theirs).mean() < 0.03
        assert np.abs(mine - theirs).max() < 0.25
        assert np.abs(mine - theirs).max() > 0


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
