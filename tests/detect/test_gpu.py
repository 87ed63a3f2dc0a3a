"""What only a GPU asks for, tried where there is none: sizes, padding, and half precision that must agree."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.detect import gpu, load_cards, load_detectors, runs_on
from cxr_core.detect.gpu import HalfPrecision
from cxr_core.detect.saved_model import SavedModelRuntime


@given(st.integers(1, 512), st.integers(1, 512))
def test_every_batch_has_a_size_that_was_met_before(count, most):
    size = gpu.size_for(min(count, most))
    assert size in gpu.sizes(most)
    assert min(count, most) <= size < 2 * min(count, most)


@given(st.integers(1, 20))
def test_padding_stands_behind_the_films(count):
    batch = np.arange(1, count + 1, dtype=np.float32).reshape(count, 1, 1, 1)
    padded = gpu.padded(batch)
    assert len(padded) == gpu.size_for(count)
    np.testing.assert_array_equal(padded[:count], batch)
    assert not padded[count:].any()


class Tells:
    """A fake of TensorFlow's options that keeps what it is told."""

    def __init__(self) -> None:
        self.on = False
        self.config = SimpleNamespace(optimizer=SimpleNamespace(set_experimental_options=self._told))

    def _told(self, options) -> None:
        self.on = options["auto_mixed_precision"]


def _runs(tells: Tells, difference: float):
    """A network whose scores move by ``difference`` in half precision."""
    return lambda batch: {"image_scores": np.full(len(batch), 0.5 + (difference if tells.on else 0), np.float32)}


def test_half_precision_stays_on_where_the_answers_agree():
    tells = Tells()
    assert HalfPrecision().settle(tells, _runs(tells, 0.009), np.zeros((1, 2, 2, 1), np.float32), "a")
    assert tells.on


def test_one_model_that_does_not_agree_turns_it_off_for_all():
    tells, half, probe = Tells(), HalfPrecision(), np.zeros((1, 2, 2, 1), np.float32)
    assert half.settle(tells, _runs(tells, 0), probe, "a")
    assert not half.settle(tells, _runs(tells, 0.011), probe, "b")
    assert not half.settle(tells, _runs(tells, 0), probe, "c")
    assert not tells.on


def test_maps_in_log_odds_are_not_held_to_a_tolerance_of_scores():
    one = {"image_scores": np.zeros(2), "class_maps": np.zeros(2)}
    assert gpu.agree(one, one | {"class_maps": np.ones(2)})
    assert not gpu.agree(one, one | {"image_scores": np.ones(2)})


def test_answers_are_those_of_the_processor_however_a_batch_is_padded(settings, batch, monkeypatch):
    monkeypatch.setattr(gpu, "half_precision", HalfPrecision())
    plain = load_detectors(replace(settings, runtime="tensorflow"))[0]
    card = plain.card
    path = settings.models_dir / "tiny" / card.files["saved_model"].path
    as_on_a_gpu = SavedModelRuntime(path, card, 1, on="a pretended GPU")
    as_on_a_gpu.warm_up(8)
    for count in range(1, len(batch) + 1):
        mine, other = as_on_a_gpu.run(batch[:count]), plain.runtime.run(batch[:count])
        for name in ("image_scores", "boxes", "scores"):
            assert len(getattr(mine, name)) == count
            np.testing.assert_allclose(getattr(mine, name), getattr(other, name), atol=1e-5)


def test_an_export_for_one_picture_is_not_padded(exports, settings, batch):
    folder = exports.foreign_one
    (plain,) = load_detectors(replace(settings, models_dir=folder))
    path = next(folder.glob("*/saved_model"))
    runtime = SavedModelRuntime(path, plain.card, 1, on="a pretended GPU")
    runtime.warm_up(4)
    np.testing.assert_allclose(runtime.run(batch[:3]).scores, plain.runtime.run(batch[:3]).scores, atol=1e-5)


@pytest.mark.parametrize("name", ["", "A card"])
def test_a_gpu_is_called_by_its_makers_name(name):
    found = [object()] if name else []
    tf = SimpleNamespace(
        errors=SimpleNamespace(OpError=RuntimeError),
        config=SimpleNamespace(
            list_physical_devices=lambda _kind: found,
            experimental=SimpleNamespace(get_device_details=lambda _device: {"device_name": name}),
        ),
    )
    assert gpu.gpu_name(tf) == name


def test_the_card_says_where_a_model_runs(settings):
    (card,) = load_cards(settings)
    assert runs_on(card, settings) == "LiteRT in single precision on CPU, 1 thread"
    assert runs_on(replace(card, role="gate"), replace(settings, threads=3)).endswith("CPU, 1 thread")
    assert runs_on(card, replace(settings, threads=3, runtime="tensorflow")) == "TensorFlow on CPU, 3 threads"
