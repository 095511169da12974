import json
from dataclasses import replace

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.results import HEADER, main, page
from benchmarks.run_groups import by_command, find_runs, read_flags
from benchmarks.table_peers import table_peers
from jaxflow import MLP, AdamW, Classification, Experiment, HoldOut, KFold, Table, UserError, train
from jaxflow.evaluation.cross_validation import summarize_folds
from jaxflow.experiment import dumps
from jaxflow.runs.folder import sealed
from jaxflow.runs.results import write_results

HOLD_OUT = HoldOut(validation=0.1, test=0.2)
FOLDS = KFold(folds=3, validation=False)


def make_run(folder, name, test, *flags, seed=0, split=HOLD_OUT, answers=(), cpu_seconds=None, width=8):
    """Writes as much of a run folder as is read."""
    folder.mkdir(parents=True)
    data = Table("t.csv", target="y", split=split)
    described = Experiment(data, MLP(hidden=(width,)), Classification(), AdamW(), seed=seed)
    (folder / "experiment.json").write_text(sealed(dumps(described)))
    command = ["launch.py", f"--config=experiments/{name}.py", f"--workdir={folder}", *flags, "--seed", str(seed)]
    (folder / "environment.json").write_text(json.dumps({"command": command}))
    write_results(folder, {"test": test} | ({} if cpu_seconds is None else {"cpu_seconds": cpu_seconds}))
    if not answers:
        return
    right = np.array([right for _, right in answers])
    columns = {"id": [name for name, _ in answers], "target": np.zeros(len(right), int), "answer": 1 - right}
    columns |= {"p_cat": right * 1.0, "p_dog": 1.0 - right, "loss": 1.0 - right, "weight": np.ones(len(right))}
    (folder / "predictions").mkdir()
    about = {"classes": json.dumps(["cat", "dog"]), "noun": "example"}
    table = pyarrow.table({**columns, "unit": np.arange(len(right))}, metadata=about)
    pyarrow.parquet.write_table(table, folder / "predictions" / "test.parquet")


def rows_of(folder):
    """The table of the page of the runs in a folder: cells by column, of each row."""
    lines = [line for line in page(find_runs([folder])).splitlines() if line.startswith("| ")][2:]
    return [dict(zip(HEADER, (cell.strip() for cell in line.strip("|").split("|")), strict=True)) for line in lines]


def test_seeds_have_students_interval_and_p(tmp_path):
    values = [2.25, 2.26, 2.24, 2.28]
    for seed, value in enumerate(values):
        metrics = {"loss": 0.5, "rmse": value}
        make_run(tmp_path / f"{seed}", "daily_temperatures", metrics, seed=seed, cpu_seconds=10.0 * seed)
    (row,) = rows_of(tmp_path)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (row["n"], row["test"], row["asked"], row["CPU s"]) == ("4 seeds", "rmse", "<= 2.27", "15")
    assert (row["mean"], row["deviation"]) == ("2.2575", f"{np.std(values, ddof=1):.4g}")
    assert row["interval"] == f"{low:.4f} to {high:.4f}"
    assert row["p"] == f"{stats.ttest_1samp(values, 2.27, alternative='less').pvalue:.2g}"
    assert row["command"] == "`python launch.py --config experiments/daily_temperatures.py`"


def test_splits_and_folds_are_corrected_for_what_they_share(tmp_path):
    values = [0.97, 0.98, 0.99]
    for number, value in enumerate(values):
        make_run(tmp_path / "a" / f"{number}", "spoken_digits", {"accuracy": value}, f"--data.split.seed={number}",
                 split=replace(HOLD_OUT, seed=number))  # fmt: skip
        make_run(tmp_path / "b" / f"fold-{number}", "titanic_like", {"accuracy": value, "loss": 1.0}, "--folds", "all",
                 split=replace(FOLDS, fold=number))  # fmt: skip
    splits, folds = rows_of(tmp_path)
    for row, units, ratio in ((splits, "3 splits", 0.2 / 0.7), (folds, "3 folds", 1 / 2)):
        expected = summarize_folds([{"": value} for value in values], ratio)[""]
        assert (row["n"], row["mean"]) == (units, "0.9800")
        assert row["interval"] == f"{expected.low:.4f} to {expected.high:.4f}"
    t = (0.98 - 0.965) / (0.01 * np.sqrt(1 / 3 + 0.2 / 0.7))
    assert splits["p"] == f"{stats.t.sf(t, 2):.2g}"
    assert folds["command"] == "`python launch.py --config experiments/titanic_like.py --folds all`"
    assert (folds["asked"], folds["p"], folds["CPU s"]) == ("", "", "")


def test_folds_of_several_seeds_are_averaged_first(tmp_path):
    scores = np.array([[0.4, 0.5, 0.6], [0.5, 0.6, 0.7]])
    for seed, of in enumerate(scores):
        for fold, value in enumerate(of):
            make_run(tmp_path / f"{seed}" / f"fold-{fold}", "unheard_speaker", {"accuracy": value}, seed=seed,
                     split=replace(FOLDS, fold=fold))  # fmt: skip
    (row,) = rows_of(tmp_path)
    assert (row["n"], row["mean"], row["deviation"]) == ("2 seeds of 3 folds", "0.5500", f"{0.1 / 2**0.5:.4g}")
    assert row["p"] == f"{stats.ttest_1samp(scores.mean(1), 0.433, alternative='greater').pvalue:.2g}"


def test_what_has_no_spread_has_no_p(tmp_path):
    make_run(tmp_path / "one", "cifar_resnet", {"accuracy": 0.9})
    for seed in range(2):
        make_run(tmp_path / f"{seed}", "playground", {"accuracy": 0.99}, seed=seed)
    one, equal = rows_of(tmp_path)
    assert (one["n"], one["mean"], one["deviation"], one["interval"], one["p"]) == ("1 seed", "0.9000", "", "", "")
    assert (equal["n"], equal["interval"], equal["p"]) == ("2 seeds", "0.9900 to 0.9900", "")


def test_pairs_are_compared_example_by_example(tmp_path):
    generator = np.random.RandomState(0)
    ours, theirs = generator.rand(60) < 0.9, generator.rand(60) < 0.6
    for name, right in (("dogs_vs_cats_finetuned", ours), ("dogs_vs_cats", theirs)):
        for fold in range(3):
            answers = [(f"{number}.jpg", right[number]) for number in range(fold, 60, 3)]
            make_run(tmp_path / name / f"fold-{fold}", name, {"accuracy": 0.5}, split=replace(FOLDS, fold=fold),
                     answers=answers)  # fmt: skip
    gained, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    p = stats.binomtest(gained, gained + lost, alternative="greater").pvalue
    sentence = page(find_runs([tmp_path])).splitlines()[-1]
    assert f"dogs_vs_cats_finetuned has {ours.sum()} of 60 right, " in sentence
    assert f"dogs_vs_cats has {theirs.sum()} of 60 right" in sentence
    assert f"{gained} that the other has wrong, {lost} the other way round" in sentence
    assert f"one-sided p {'< 0.0001' if p < 1e-4 else f'= {p:.2g}'})." in sentence


def test_peers_are_scikit_learns_on_the_runs_split(tmp_path):
    generator = np.random.RandomState(0)
    x = generator.randn(80, 2).round(3)
    lines = [f"{a},{b},{'yes' if a + b > 0 else 'no'}" for a, b in x]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    data = Table(str(tmp_path / "t.csv"), target="y", split=HoldOut(0.1, 0.25))
    train(Experiment(data, MLP(hidden=(4,)), Classification(), AdamW(), batch_size=16, epochs=1), tmp_path / "run")
    scores = table_peers(tmp_path / "run")
    peers = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "gradient boosting": HistGradientBoostingClassifier(random_state=0),
    }
    assert scores.keys() == peers.keys()
    splits = data.load().splits
    inputs, targets = splits["train"].inputs, splits["train"].targets
    with threadpool_limits(1):
        for name, peer in peers.items():
            expected = peer.fit(inputs, targets).score(splits["test"].inputs, splits["test"].targets)
            assert scores[name] == expected > 0.7


def test_flags_are_read_as_they_were_written():
    words = ["verb", "--a=1", "--b", "2", "3", "--c"]
    assert read_flags(words) == {"--a": "--a=1", "--b": "--b 2 3", "--c": "--c"}


def test_mistakes_are_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty"), "--out", str(tmp_path / "out.md")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'empty'} holds no run; name run folders")
    assert not (tmp_path / "out.md").exists()


def test_groups_that_are_none_are_refused(tmp_path):
    make_run(tmp_path / "a", "digits_cnn", {"accuracy": 0.9})
    make_run(tmp_path / "b", "digits_cnn", {"accuracy": 0.9})
    with pytest.raises(UserError, match="a run is there twice"):
        by_command(find_runs([tmp_path]))
    make_run(tmp_path / "c", "digits_cnn", {"accuracy": 0.9}, seed=1, width=9)
    with pytest.raises(UserError, match="of one command, but not of one experiment"):
        by_command(find_runs([tmp_path / "a", tmp_path / "c"]))
    make_run(tmp_path / "d", "titanic", {"accuracy": 0.9}, split=FOLDS)
    with pytest.raises(UserError, match="a seed has fewer than 3 folds"):
        by_command(find_runs([tmp_path / "d"]))
