import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import jaxflow
from jaxflow.data.profiling.features import describe_features, feature_groups
from jaxflow.data.profiling.sample import take_sample


def test_a_season_correlates_once_as_what_it_is(tmp_path):
    random, days = np.random.RandomState(0), np.arange("2020-01-01", "2022-01-01", dtype="datetime64[D]")
    phase = (days - days[0]).astype(int) / 365.2425
    sold = np.sin(2 * np.pi * (phase - 0.13)) + 0.5 * random.randn(len(days))
    (tmp_path / "a.csv").write_text("day,sold\n" + "\n".join(f"{day},{value}" for day, value in zip(days, sold)))
    dataset = jaxflow.Table(str(tmp_path / "a.csv"), "sold").load()
    sample = take_sample(dataset.splits["train"])
    rows = {row["name"]: row for row in describe_features(dataset, {"train": sample})["features"]}
    assert list(rows) == ["day", "day: phase of year", "day: phase of week"]
    circle = sample.inputs[:, 1:3]
    explained = LinearRegression().fit(circle, sample.targets[:, 0]).score(circle, sample.targets[:, 0])
    assert rows["day: phase of year"]["correlation"] == pytest.approx(explained**0.5, rel=1e-6)
    assert 0 <= rows["day: phase of year"]["min"] < 0.01
    assert rows["day: phase of week"]["correlation"] < 0.2


def test_the_categories_of_a_column_are_shown_together(tmp_path):
    rows = [f"{color},{index},{index % 2}" for index, color in enumerate(["red", "blue", "", "red"] * 10)]
    (tmp_path / "a.csv").write_text("\n".join(["color,size,big", *rows]))
    dataset = jaxflow.Table(str(tmp_path / "a.csv"), "big", columns=(jaxflow.Number("size"),)).load()
    groups = feature_groups(dataset)
    assert list(groups) == ["color", "size"]
    assert set(groups["color"]) == {"missing", "blue", "red"}
    together = dataset.splits["train"].inputs[:, [*groups["color"].values()]]
    np.testing.assert_array_equal(together.sum(1), 1)
    assert sorted(place for group in groups.values() for place in group.values()) == [0, 1, 2, 3]
