"""Figures of what a model looks at."""

import numpy as np
import pytest

from jaxflow.reports.figures.explanations.attention import attention, attention_to_patches
from jaxflow.reports.figures.explanations.importance import column_importance, row_sizes
from jaxflow.reports.figures.explanations.plane import decision_plane, hidden_units
from jaxflow.reports.figures.explanations.saliency import beside_map, concentration, joined_parts, strengths
from jaxflow.reports.wording import NONE
from tests.reports.pages import images_of, is_drawn, width_of


def test_a_map_lies_on_the_pixels_that_it_is_of():
    image = np.zeros((6, 6, 3))
    values = np.array([[0.0, 2.0], [-2.0, 0.0]])  # each is of nine pixels
    pair = beside_map(image, values)
    factor = pair.shape[0] // 6
    assert pair.shape == (6 * factor, 13 * factor, 3)
    np.testing.assert_array_equal(pair[:, : 6 * factor], 0)
    shown = pair[::factor, 7 * factor :: factor]
    assert (shown[:3, 3:, 0] > shown[:3, 3:, 2]).all()  # orange
    assert (shown[3:, :3, 2] > shown[3:, :3, 0]).all()  # blue
    assert len(np.unique(shown[:3, :3])) == 1  # grey


def test_concentration_is_the_share_that_holds_half():
    assert concentration(np.array([1.0, -1.0, 1.0, 1.0])) == 0.5
    assert concentration(np.array([9.0, 1.0, 1.0, 1.0])) == 0.25
    assert concentration(np.zeros(4)) == 1.0


def test_marks_go_by_the_strongest():
    assert strengths(np.array([1.0, -0.5, 0.2, -0.01, 0.0, -0.9])) == [3, -2, 1, 0, 0, -3]
    assert strengths(np.zeros(3)) == [0, 0, 0]
    assert joined_parts(["a", "b", "c", "d"], [0, 0, 3, 0]) == [("ab", 0), ("c", 3), ("d", 0)]


def test_columns_are_drawn_the_largest_first_with_intervals(tmp_path):
    rises = np.array([[0.1, 0.05, 0.2], [0.4, 0.3, 0.5], [0.0, np.nan, np.nan]])
    drawn = column_importance(["a", "b", "c" * 60], "column", "error rate", rises, 2 * rises, tmp_path / "x.svg")
    assert [row[0] for row in drawn.table.rows] == ["b", "a", "c" * 60]
    assert drawn.table.rows[0] == ["b", "0.4000", "0.3000 to 0.5000", "0.8000", "0.6000 to 1.0000"]
    assert drawn.table.rows[2][2] == NONE
    assert "the largest first: b 0.4, a 0.1" in drawn.alt
    assert is_drawn(tmp_path / "x.svg")
    assert width_of(tmp_path / "x.svg") < 640


def test_rows_of_windows_have_a_line_for_each_column(tmp_path):
    values = np.zeros((2, 5, 2))
    values[:, 4, 1] = [3, -5]
    drawn = row_sizes(values, ["one", "two"], tmp_path / "x.svg")
    assert drawn.table.columns == ("row", "two", "one")
    assert drawn.table.rows[-1] == ["0", "4.0000", "0.0000"]
    assert "the largest is 4, of two at row 0" in drawn.alt


def test_attention_is_as_strong_as_its_weights(tmp_path):
    weights = np.broadcast_to(np.eye(4), (1, 2, 4, 4)).copy()
    weights[0, 1] = np.roll(np.eye(4), 1, axis=0)
    drawn = attention(weights, [3], [1, 2], ["a", "b", "c", "d"], tmp_path / "x.svg")
    first, second = images_of(tmp_path / "x.svg")
    assert (first[..., 3] > 0).mean() == pytest.approx(1 / 4, abs=0.01)
    assert (second[..., 3] > 0).mean() == pytest.approx(1 / 4, abs=0.01)
    assert drawn.table.rows[0][:3] == ["3", "1", "0"]
    assert drawn.table.rows[1][:3] == ["3", "2", "1.5"]
    assert "layer 3, head 1 looks 0 positions away, and layer 3, head 2 1.5" in drawn.alt


def test_attention_to_patches_names_the_strongest(tmp_path):
    weights = np.full((2, 1, 3, 4), 0.1)
    weights[1, 0, 2, 1] = 1.2
    drawn = attention_to_patches(np.zeros((6, 8, 3)), weights, [1, 4], [2], "the class token", tmp_path / "x.svg")
    assert drawn.table.rows[1][:3] == ["4", "2", "3, 2"]
    assert len(images_of(tmp_path / "x.svg")) == 3  # two panels and the image


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c"), ()])
def test_the_plane_has_its_answers_in_a_table(classes, tmp_path):
    across, up = np.linspace(-1, 1, 20), np.linspace(0, 10, 30)
    answers = np.zeros((30, 20)) + (across > 0)[None] if classes else across[None] * up[:, None]
    strength = np.full((30, 20), 0.9) if classes else np.zeros((0, 0))
    points = np.stack([np.linspace(-1, 1, 9), np.linspace(0, 10, 9)], 1)
    targets = np.array([0, 1, -1] * 3) if classes else points[:, 0]
    drawn = decision_plane(
        ("x", "y"), (across, up), (answers, strength), (points, targets), classes, tmp_path / "x.svg"
    )
    assert is_drawn(tmp_path / "x.svg")
    assert drawn.table.rows[0][0] == "10.0000"  # the uppermost first
    told = [f"{classes[0]} 90%", f"{classes[1]} 90%"] if classes else ["-10.0000", "10.0000"]
    assert [drawn.table.rows[0][1], drawn.table.rows[0][-1]] == told
    assert (
        f"{classes[0]} on 50% of it, {classes[1]} on 50% of it" in drawn.alt
        if classes
        else "from -10 to 10" in drawn.alt
    )


def test_hidden_units_are_drawn_by_layer(tmp_path):
    values = np.zeros((4, 4, 3))
    values[:2, :, 0], values[..., 2] = 1, -1
    drawn = hidden_units(values, (1, 1, 2), (5, 1), tmp_path / "x.svg")
    assert drawn.table.rows == [
        ["1", "1", "0.0000", "1.0000", "50%"],
        ["1", "2", "0.0000", "0.0000", "0%"],
        ["2", "1", "-1.0000", "-1.0000", "0%"],
    ]
    assert "2 of 5 in layer 1, 1 of 1 in layer 2" in drawn.alt
