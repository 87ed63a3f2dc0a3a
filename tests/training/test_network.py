"""The network: trunk activations, output shapes, and what leaves it."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import imagenet, network, trunk

SHAPE = network.Shape(64, ((0.2, 0.3), (0.4, 0.1), (0.5, 0.5)), 4, 2, 2, "softmax", width=16, depth=1)


def clouds(count, size):
    """Films whose detail falls with frequency, as in photographs: (count, size, size, 1)."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    frequency[0, 0] = 1
    noise = np.fft.fft2(rng.normal(size=(count, size, size)))
    films = np.real(np.fft.ifft2(noise / frequency**1.2))
    films = (films - films.mean((1, 2), keepdims=True)) / films.std((1, 2), keepdims=True)
    return np.clip(films * 55 + 115, 0, 255)[..., None].astype(np.float32)


def test_the_trunk_answers_clouds_with_the_means_it_was_trained_to():
    state = imagenet.lite0_state()
    film = keras.Input((128, 128, 1))
    model = keras.Model(film, trunk.features(film))
    trunk.load_imagenet(model, state)
    layers = [layer for layer in model.layers if layer.name.endswith("_depthwise")]
    answers = keras.Model(film, [layer.output for layer in layers]).predict_on_batch(clouds(2, 128))
    for layer, answer in zip(layers, answers, strict=True):
        before = (np.asarray(answer) - trunk.values(layer.bias)) / trunk.values(layer.scale)
        expected = state[f"_blocks.{layer.name[5:].split('_')[0]}._bn1.running_mean"]
        assert np.corrcoef(before.mean((0, 1, 2)), expected)[0, 1] > 0.55


def test_freezing_leaves_the_later_blocks_trainable():
    model = network.build(SHAPE)
    trunk.freeze(model, 3)
    frozen = {layer.name for layer in model.layers if layer.weights and not layer.trainable}
    assert "stem" in frozen
    assert "block2_project" in frozen
    assert not any(name.startswith(("block3_", "block10_", "block12_", "top", "head")) for name in frozen)


@pytest.mark.parametrize("place", ["softmax", "heat"])
def test_what_leaves_the_network_is_what_the_runtimes_expect(place):
    shape = network.Shape(64, SHAPE.priors[:2], 4, 2, 2, place, width=16, depth=1)
    model = network.inference(network.build(shape), shape)
    found = model.predict_on_batch(clouds(2, 64))
    maps = found.pop("class_maps")
    assert maps.shape == (2, 4, 4, 2)
    assert np.isfinite(maps).all()
    assert found["image_scores"].shape == (2, 2)
    assert found["raw_detection_boxes"].shape == (2, 16, 2, 4)
    assert found["raw_detection_scores"].shape == (2, 16, 2)
    for values in found.values():
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= 1
    boxes = found["raw_detection_boxes"]
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    centre = centre.reshape(2, 4, 4, 2, 2)
    assert (np.diff(centre[..., 0], axis=1) > 0).all()  # y grows with the row: [ymin, xmin, ymax, xmax]
    assert (np.diff(centre[..., 1], axis=2) > 0).all()


def test_expected_overlap_is_the_weighted_mean_of_pairwise_overlaps():
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 0.5, (1, 5, 2, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.1, 0.5, low.shape)], -1)
    mass = rng.dirichlet(np.ones(5), (1, 2)).transpose(0, 2, 1)
    found = np.asarray(network.expected_overlap(boxes[:, 1:4].astype("f4"), boxes.astype("f4"), mass.astype("f4")))
    assert found.shape == (1, 3, 2)
    for kind in range(2):
        for one in range(3):
            a, total = boxes[0, 1 + one, kind], 0.0
            for other in range(5):
                b = boxes[0, other, kind]
                shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
                union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
                total += mass[0, other, kind] * shared / union
            assert found[0, one, kind] == pytest.approx(total, abs=1e-4)


def test_the_likeliest_boxes_are_those_of_the_cells_with_most_mass():
    rng = np.random.default_rng(4)
    boxes, mass = rng.random((2, 9, 3, 4), np.float32), rng.random((2, 9, 3), np.float32)
    found, places = map(np.asarray, network.likeliest(boxes, mass, 4))
    whole = np.asarray(network.spread(found[..., 0], places, 9))
    for film in range(2):
        for kind in range(3):
            best = np.argsort(-mass[film, :, kind])[:4]
            np.testing.assert_array_equal(found[film, :, kind], boxes[film, best, kind])
            np.testing.assert_allclose(whole[film, best, kind], boxes[film, best, kind, 0], rtol=1e-6)
            assert np.count_nonzero(whole[film, :, kind]) == 4


def test_the_best_box_of_a_likely_film_outranks_the_second_best_of_a_sure_one():
    image, overlap = np.array([[0.9], [0.5]], "f4"), np.array([[[0.6], [0.4]], [[0.6], [0.1]]], "f4")
    found = np.asarray(network.box_score(image, overlap))[..., 0]
    assert found[0, 0] == pytest.approx(np.sqrt(0.9) * 0.6, rel=1e-4)
    assert found[0, 0] > found[1, 0] > found[0, 1] > found[1, 1]


def test_a_map_sure_of_one_cell_gives_that_cells_box_the_film_score():
    boxes = np.array([[0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.9, 0.9]], "f4")[None, :, None]
    found = np.asarray(network.expected_overlap(boxes, boxes, np.array([[[1.0], [0.0]]], "f4")))
    assert found[0, :, 0] == pytest.approx([1.0, 0.0], abs=1e-3)


def loud(shape, seed=0):
    """A network of random weights whose image heads say something: as built they start near zero; and its inference."""
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    model = network.build(shape)
    for layer in model.layers:
        if isinstance(layer, trunk.ScaledConv):
            inside = np.prod(layer.kernel.shape[: 2 if layer.depthwise else 3])
            layer.kernel.assign(rng.normal(0, np.sqrt(2 / inside), layer.kernel.shape))
    for name in ("head_image", "head_votes"):
        for variable in model.get_layer(name).weights:
            variable.assign(rng.normal(0, 0.5, variable.shape))
    return model, network.inference(model, shape)


def log_odds(scores):
    scores = scores.astype(np.float64)
    return np.log(scores / (1 - scores))


@pytest.mark.parametrize("place", ["softmax", "heat"])
def test_cells_and_a_constant_of_the_class_add_up_to_the_image_score_s_logit(place):
    shape = network.Shape(64, SHAPE.priors[:2], 4, 2, 2, place, width=16, depth=1)
    model, outside = loud(shape)
    found = outside.predict_on_batch(clouds(3, 64))
    rest = log_odds(found["image_scores"]) - found["class_maps"].sum((1, 2), dtype=np.float64)
    assert np.ptp(log_odds(found["image_scores"]), axis=0).min() > 1e-3  # the films differ, the constant does not
    bias = trunk.values(model.get_layer("head_image").bias)[:2]
    expected = (bias + network.COLD) / 3 if place == "softmax" else [-bias[0] / 2, bias[0] / 2]
    np.testing.assert_allclose(rest, np.broadcast_to(expected, rest.shape), atol=2e-5)


def test_heat_has_a_say_in_the_image_score_where_place_is_a_softmax():
    """One hot cell is evidence of the sign anywhere on the film; where place is heat, boxes alone follow it."""
    for place, more in (("softmax", 1), ("heat", 0)):
        shape = network.Shape(64, SHAPE.priors[:2], 4, 2, 2, place)
        heads = {"pooled": np.zeros((1, 4), "f4"), "attended": np.zeros((1, 2), "f4")}
        cold = np.full((1, 4, 4, 2), -4.0, "f4")
        hot = cold.copy()
        hot[0, 1, 2, 0] = 3.0
        one, two = (np.asarray(network.image_probability(heads | {"heat": heat}, shape))[0] for heat in (cold, hot))
        assert (two[0] > one[0]) == bool(more)
        assert two[1] == one[1]
        assert one[0] == pytest.approx(1 / (1 + np.exp(4 / 3)) if more else 0.5, rel=1e-5)


def test_what_speaks_for_covid_speaks_against_its_absence():
    shape = network.Shape(64, SHAPE.priors[:2], 4, 2, 2, "heat", width=16, depth=1)
    maps = loud(shape)[1].predict_on_batch(clouds(2, 64))["class_maps"]
    np.testing.assert_array_equal(maps[..., 0], -maps[..., 1])
    assert np.abs(maps).max() > 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5))
def test_shares_of_a_pooled_and_of_an_attended_logit_add_up(seed, count, rows, columns, classes):
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 3, (count, rows, columns, 4)).astype("f4")
    kernel = rng.normal(0, 1, (4, classes)).astype("f4")
    pooled = np.asarray(network.class_maps(features, kernel))
    np.testing.assert_allclose(pooled.sum((1, 2)), features.mean((1, 2)) @ kernel, atol=1e-4)
    votes = rng.normal(0, 3, (count, 2 * rows, 2 * columns, 2 * classes)).astype("f4")
    attended = np.asarray(network.attended_maps(votes))
    np.testing.assert_allclose(attended.sum((1, 2)), np.asarray(network.AttentionPool()(votes)), atol=1e-4)
    together = np.asarray(network.image_maps(features, kernel, votes))
    np.testing.assert_allclose(together.sum((1, 2)), 0.5 * (pooled.sum((1, 2)) + attended.sum((1, 2))), atol=1e-4)
    more = np.asarray(network.image_maps(features, kernel, votes, votes))
    np.testing.assert_allclose(more, (2 * together + attended) / 3, atol=1e-4)
    spread = together - 0.5 * attended  # a coarse cell's share lies on its own four fine cells
    np.testing.assert_allclose(spread.reshape(count, rows, 2, columns, 2, classes).sum((2, 4)), 0.5 * pooled, atol=1e-4)


def test_other_weights_see_other_places():
    """The sanity check of Adebayo 2018: a map that survives random weights shows the film, not the network."""
    films = clouds(4, 64)
    one, same, other = (loud(SHAPE, seed)[1].predict_on_batch(films)["class_maps"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.mean([ranks_agree(a, b) for a, b in zip(one[..., 0], other[..., 0], strict=True)]) < 0.5


def ranks_agree(one, other):
    """Spearman's rank correlation of two maps."""
    return np.corrcoef(*(np.argsort(np.argsort(each.ravel())) for each in (one, other)))[0, 1]
