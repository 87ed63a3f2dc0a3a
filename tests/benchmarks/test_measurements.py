"""The measurements measure what they say, on runs too small to time; no test asserts a time."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from benchmarks import __main__ as commands
from benchmarks import films, floor, growth, machine, memory, report, zoo_ssd
from benchmarks.report import Section
from benchmarks.site import site
from cxr_core.card import load_card
from cxr_core.read import read
from cxr_core.settings import Settings


@pytest.mark.parametrize("kind", ["png", "jpeg", "dicom", "small"])
def test_films_of_a_kind_differ_in_bytes_and_can_be_read(kind):
    made = [films.film(kind, number) for number in (0, 4, 8)]
    assert len({hashlib.sha256(data).digest() for data in made}) == 3
    greys = [read(data, "film", Settings()).pixels for data in made]
    np.testing.assert_array_equal(greys[0][:-1], greys[1][:-1])


def test_a_folder_holds_the_mixture_that_is_told(tmp_path):
    paths = films.written(tmp_path / "films", 20)
    kinds = [read(path.read_bytes(), path.name, Settings()).source for path in paths]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"png": 12, "jpeg": 4, "dicom": 4}


def test_a_site_without_networks_answers_for_every_label(tmp_path):
    with site(tmp_path, "none") as (screener, store):
        (screening,) = screener.screen(films.inputs(1))
        assert set(screening.scores.values()) and screening.status == "screened"
        assert store.entries() == ()


@pytest.mark.parametrize("measure", [growth.main, memory.main])
def test_a_run_over_a_site_prints_its_table(measure, capsys):
    small = ["--most", "10"] if measure is growth.main else ["--films", "10", "--kind", "small"]
    assert measure(["--networks", "none", *small]) == 0
    out = capsys.readouterr().out
    assert "| Films |" in out
    assert "| 10 |" in out
    assert "- Processor: " in out


def test_a_section_is_replaced_in_its_place_and_the_others_stay(tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_text("# Results\n\nWords.\n\n## a\n\nold\n\n## b\n\nstays\n")
    report.publish(Section("a", "run a", [["x", "y"], ["1", "2"]], "How."), ["Machine"], write=True, path=path)
    report.publish(Section("c", "run c", [["x"]], "How.", words=0), ["Machine"], write=True, path=path)
    text = path.read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# Results", "## a", "## b", "## c"]
    assert "old" not in text
    assert "stays" in text
    assert "| 1 | 2 |" in text
    assert "Words." in text


@given(st.floats(0.2, 2.5), st.floats(0.001, 10))
@hypothesis_settings(max_examples=30)
def test_the_exponent_is_found_where_there_is_one(power, factor):
    sizes = [10, 100, 1_000, 10_000]
    assert growth.exponent(sizes, [factor * size**power for size in sizes]) == pytest.approx(power, abs=1e-6)


@given(st.floats(-5, 5), st.floats(10, 1000))
@hypothesis_settings(max_examples=30)
def test_memory_that_grows_is_told_by_the_thousand(slope, start):
    held = [start * 3, start * 2, *(start + slope * number / 2 for number in range(8))]
    assert memory.slope(held, 500) == pytest.approx(slope, abs=1e-6)


def test_multiply_adds_are_counted_as_by_hand(tmp_path):
    import tensorflow as tf  # noqa: PLC0415  (only this test pays for it)

    given_ = tf.keras.Input((8, 6, 3), batch_size=1)
    x = tf.keras.layers.Conv2D(5, 3, padding="same")(given_)  # 48 places x 5 out x 27
    x = tf.keras.layers.DepthwiseConv2D(3, padding="same")(x)  # 48 places x 5 x 9
    x = tf.keras.layers.Dense(4)(tf.keras.layers.Flatten()(x))  # 240 x 4
    path = tmp_path / "model.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(given_, x)).convert())
    macs, moved = floor.counted(path)
    assert macs == 48 * 5 * 27 + 48 * 5 * 9 + 240 * 4
    assert moved >= 4 * (135 + 45 + 960 + 240 + 240 + 4)


def test_the_shipped_networks_are_counted_too():
    folder = Settings().models_dir / "covid_ssd"
    macs, moved = floor.counted(folder / load_card(folder).files["litert"].path)
    assert 1e8 < macs < 1e9
    assert moved > (folder / "model.tflite").stat().st_size


def test_the_zoo_s_network_has_the_zoo_s_boxes():
    boxes, scores = zoo_ssd.ssd_mobilenet_v2().output_shape
    cells = (20 * 20, 10 * 10, 5 * 5, 3 * 3, 2 * 2, 1)
    assert boxes == (None, sum(c * b for c, b in zip(cells, (3, 6, 6, 6, 6, 6), strict=True)), 4)
    assert scores == (*boxes[:2], 91)


def test_memory_of_children_counts(tmp_path):
    before = machine.resident_mb()
    script = "data = bytearray(b'x') * 60_000_000; print(len(data), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline()
        assert machine.resident_mb() > before + 50
        child.stdin.write(b"\n")
        child.stdin.close()


def test_every_measurement_is_named_and_can_be_asked_how(capsys):
    assert commands.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in commands.COMMANDS)
    assert commands.main([]) == 2
    assert commands.main(["speed"]) == 2
    assert "is none of" in capsys.readouterr().err
    for name in commands.COMMANDS:
        if name not in ("start", "upload"):  # these need a browser's package
            with pytest.raises(SystemExit) as left:
                commands.main([name, "--help"])
            assert left.value.code == 0
