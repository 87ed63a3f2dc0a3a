"""Label maps of other makers, and the card that an export without one gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_core.detect.foreign import Item, foreign_card, parse_label_map
from cxr_core.errors import ModelInvalid

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def quote(text: str, mark: str) -> str:
    return mark + text.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark


@given(
    st.lists(st.tuples(st.integers(1, 10**4), names, names | st.just("")), min_size=1, unique_by=lambda item: item[0]),
    st.sampled_from("\"'"),
    st.sampled_from([": ", ":", " : "]),
    st.sampled_from(["\n", " ", ",\n"]),
)
def test_a_written_map_is_read_back(entries, mark, colon, comma):
    text = "".join(
        f"item {{{comma.join([f'name{colon}{quote(n, mark)}', f'id{colon}{i}', f'display_name{colon}{quote(d, mark)}'])}}}\n"  # noqa: E501
        for i, n, d in entries
    )
    assert parse_label_map(text) == tuple(Item(*entry) for entry in sorted(entries))


def test_comments_blocks_and_unknown_fields_are_passed_over():
    text = """
    # a comment with { a brace
    item: <
      id: 2, name: "b"   # another
      frequency: 3.5
      lvis_frequency: FREQUENT
      keypoints { id: 7 label: "tip" }
      ancestor_ids: ["x", "y"]
    >
    item { id: 1 display_name: "A \\"quoted\\" name" }
    """
    assert parse_label_map(text) == (Item(1, 'A "quoted" name', 'A "quoted" name'), Item(2, "b"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "got none"),
        ("# only a comment", "got none"),
        ("item { id: 0 name: 'background' }", "from 1 to 10000"),
        ("item { id: 1 name: 'a' } item { id: 1 name: 'b' }", "different"),
        ("item { name: 'a' }", "no id"),
        ("item { id: 1 }", "neither name nor display_name"),
        ("item { id: 1.5 name: 'a' }", "whole number"),
        ("item { id: 1 name: 'a'", "not closed"),
        ("}", "without an opening"),
        ("item { id: 1 name: 'a }", "unexpected"),
        ("\0\1\2", "unexpected"),
    ],
)
def test_what_is_no_label_map_is_named(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_label_map(text)


def card_of(tmp_path, text, config=""):
    (tmp_path / "saved_model").mkdir(exist_ok=True)
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"weights")
    (tmp_path / "label_map.pbtxt").write_text(text, encoding="utf-8")
    (tmp_path / "pipeline.config").write_text(config)
    return foreign_card(tmp_path, tmp_path / "label_map.pbtxt")


def test_known_findings_get_the_product_s_own_names(tmp_path):
    words = ["covid_19_negative", "covid_19_positive", "Infiltration", "PNEUMOTHORAX", "Hernia", "normal"]
    card = card_of(tmp_path, "".join(f"item {{ id: {n} name: '{word}' }}" for n, word in enumerate(words, 1)))
    assert [label.finding for label in card.labels] == [None, "COVID-19", "Infiltrate", "Pneumothorax", "Hernia", None]


def test_gaps_in_the_ids_are_filled_with_classes_without_a_finding(tmp_path):
    card = card_of(tmp_path, "item { id: 3 name: 'mass' } item { id: 1 name: 'nodule' }")
    assert [(label.id, label.finding) for label in card.labels] == [(1, "Nodule"), (2, None), (3, "Mass")]


def test_a_far_too_large_id_is_refused_instead_of_filling_memory(tmp_path):
    with pytest.raises(ModelInvalid, match="4000000000"):
        card_of(tmp_path, "item { id: 4000000000 name: 'mass' }")


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ("image_resizer { fixed_shape_resizer { height: 300\n width: 400 } }", (300, 400)),
        ("image_resizer { keep_aspect_ratio_resizer { min_dimension: 600 } }", (640, 640)),
        ("fixed_shape_resizer { height: 9000000 width: 4 }", (640, 640)),
        ("", (640, 640)),
    ],
)
def test_the_input_size_is_the_training_configuration_s(tmp_path, config, size):
    card = card_of(tmp_path, "item { id: 1 name: 'mass' }", config)
    assert (card.input.height, card.input.width) == size


def test_a_broken_label_map_names_its_folder(tmp_path):
    with pytest.raises(ModelInvalid, match=f"label_map.pbtxt of {tmp_path.name} cannot be read"):
        card_of(tmp_path, "nonsense {")
