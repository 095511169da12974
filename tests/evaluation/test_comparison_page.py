"""The pages of a comparison and of a folder of runs, of runs that were trained."""

import dataclasses
import json

import pytest

import jaxflow
from jaxflow.commands.main import main
from jaxflow.evaluation.comparison.compare import compare
from jaxflow.evaluation.comparison.page import write_comparison
from jaxflow.runs.listing import list_runs
from tests.reports.pages import addresses, count_figures, elements_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two experiments on digits, of which the first has two seeds, and a third run that was not tested."""
    folder = tmp_path_factory.mktemp("compared") / "runs"
    small = jaxflow.Experiment(
        data=jaxflow.Digits(),
        model=jaxflow.MLP(hidden=(8,)),
        problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(1e-3),
        preprocess=(jaxflow.Scale(),),
        epochs=2,
    )
    large = dataclasses.replace(small, model=jaxflow.MLP(hidden=(32,)))
    for name, made in {
        "small": small,
        "small-seed=1": dataclasses.replace(small, seed=1),
        "large": large,
        "untested": dataclasses.replace(small, batch_size=64),
    }.items():
        jaxflow.train(made, folder / name)
        if name != "untested":
            jaxflow.evaluate(folder / name)
    return folder


def test_the_page_says_what_matters_first(runs, tmp_path):
    found = compare([runs / "small", runs / "large"])
    write_comparison(found, tmp_path / "compare.html")
    page = (tmp_path / "compare.html").read_text()
    lead = page.partition('class="lead">')[2].partition("</p>")[0]
    assert lead.startswith("large is better than small: accuracy ")
    assert "more than chance (McNemar&#39;s test, of 359 examples, p" in lead
    assert "these two trained models" in lead
    titles = [
        "Is it chance?",
        "What differs",
        "Metrics",
        "Learning curves",
        "Where they differ",
        "Speed and size",
        "Runs",
    ]
    places = [page.index(f"<h2>{title}</h2>") for title in titles]
    assert places == sorted(places)
    assert addresses(page) == []
    assert len(page) < 3_000_000
    assert count_figures(page) == 4  # loss and accuracy, of validation and training
    images = [of for kind, of in elements_of(page) if kind == "img"]
    apart = found.differences[0].disagreement
    assert len(images) == len(apart.first) + len(apart.other) > 0
    assert apart.first[0].name in str(images) or apart.other[0].name in str(images)


def test_the_command_writes_page_and_json(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(runs.parent)
    arguments = ["compare", *(str(runs / name) for name in ("small", "small-seed=1", "large"))]
    assert main([*arguments, "--output", str(tmp_path / "a.json"), "--page", str(tmp_path / "b.html")]) == 0
    made = json.loads((tmp_path / "a.json").read_text())
    assert [each["name"] for each in made["experiments"]] == ["small (2 seeds)", "large"]
    assert made["differences"][0]["test"] == "Welch's t of 2 and 1 seeds"
    assert "small, seed 1" in (tmp_path / "b.html").read_text()


def test_without_a_name_the_comparison_lies_beside_the_runs(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(runs / "small"), str(runs / "large")]) == 0
    assert not (tmp_path / "runs").exists()
    for name in ("compare.json", "compare.html"):
        (runs / name).unlink()


def test_runs_are_listed_on_a_page(runs, capsys):
    (runs / "broken").mkdir(exist_ok=True)
    (runs / "broken" / "experiment.json").write_text("{")
    states = {each.folder.name: each.state for each in list_runs(runs)}
    assert states == {
        "small": "tested",
        "small-seed=1": "tested",
        "large": "tested",
        "untested": "trained",
        "broken": "damaged",
    }
    assert main(["runs", str(runs)]) == 0
    listed = {line.split()[0].rpartition("/")[2]: line for line in capsys.readouterr().out.splitlines()}
    assert "  validation  " in listed["untested"]
    assert "  test  " in listed["small"]
    assert main(["runs", "--workdir", str(runs)]) == 2
    assert "--workdir is no flag of runs, which takes words" in capsys.readouterr().err
    page = (runs / "index.html").read_text()
    assert "5 runs of 3 experiments." in page
    assert "small (2 seeds)" in page
    links = [of["href"] for kind, of in elements_of(page) if kind == "a"]
    assert sorted(links) == ["large/report/index.html", "small-seed%3D1/report/index.html", "small/report/index.html"]
    assert all((runs / link.replace("%3D", "=")).exists() for link in links)
