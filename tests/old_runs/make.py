"""Writes the run folders here with version 0.1 (commit 5c5112c), from a folder of this name in a checkout of it.

    cd tests/old_runs && python make.py ../../launch.py

Each folder here holds the data, a run, new data, what that version predicted for it, and what its unbroken run ended
with. No version after it can write them again: this says how they were made.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np

HEAD = "import jaxflow\n\nglobals().update({name: getattr(jaxflow, name) for name in jaxflow.__all__})\n\n\n"
HEAD += "def get_config():\n    return Experiment(\n"
EXPERIMENTS = {
    "digits": """
        data=Digits(),
        preprocess=(Standardize(),),
        augment=(Affine(degrees=10.0, zoom=0.1), Noise(0.02), Cutout(2)),
        model=CNN(widths=(4, 4), pools=1, hidden=(8,), padding="SAME", dropout=0.1, norm="batch"),
        problem=Classification(label_smoothing=0.1, class_weights="balanced"),
        optimizer=SGD(learning_rate=0.05, momentum=0.9, weight_decay=1e-3, schedule=Cosine(warmup_steps=5)),
        views=Views(shift=1),
        sampling="balanced",
        batch_size=32,
        microbatch=8,
        epochs=1.5,
        ema=0.9,
        log_steps=1,
""",
    "passengers": """
        data=Table(
            "passengers.csv",
            target="survived",
            id="id",
            columns=(
                Category("town", encode="embed"),
                Category("street", encode="target", impute="constant", most=3),
                Category("deck", encode="ordinal", order=("A", "B", "C")),
                Number("fare", clip=0.05, impute="mean", scale="robust"),
                Date("boarded"),
            ),
            outliers=Outliers(rule="quartiles", beyond=3.0),
            most_missing=0.5,
        ),
        model=MLP(hidden=(8,), dropout=0.1),
        problem=Classification(class_weights="balanced"),
        optimizer=AdamW(learning_rate=1e-2, schedule=Cosine()),
        batch_size=16,
        epochs=5,
        keep_checkpoints=1,
        log_steps=5,
""",
    "reviews": """
        data=LabelledText("reviews.csv", text="text", label="label", tokens=BPE(280), length=16),
        augment=(TokenDropout(0.1),),
        model=BagOfTokens(width=8),
        problem=Classification(),
        optimizer=Adam(1e-2),
        batch_size=16,
        epochs=3,
        keep_checkpoints=1,
        log_steps=5,
""",
    "prices": """
        data=Series("prices.csv", columns=("price",), time="day", length=8, horizon=2),
        preprocess=(Standardize(),),
        model=MLP(hidden=(8,)),
        problem=Regression(loss="huber", delta=0.5),
        optimizer=Muon(learning_rate=0.02, others=AdamW(1e-2)),
        batch_size=16,
        epochs=3,
        keep_checkpoints=1,
        log_steps=5,
""",
}


def passenger(chance: random.Random, number: int) -> str:
    town, deck = chance.choice(["Arles", "Brest", "Caen", ""]), chance.choice(["A", "B", "C"])
    fare = "" if chance.random() < 0.1 else f"{chance.lognormvariate(3, 1):.2f}"
    street, day = f"road {chance.randrange(5)}", f"2024-{chance.randrange(1, 13):02}-{chance.randrange(1, 28):02}"
    survived = "yes" if (deck == "A") + (town == "Brest") + chance.random() > 1 else "no"
    return f"p{number},{town},{street},{deck},{fare},{day},{chance.choice(['true', 'false'])},{survived}\n"


def review(chance: random.Random) -> str:
    label = chance.choice(["good", "bad"])
    own = {"good": ["fine", "lovely", "great"], "bad": ["dire", "poor", "awful"]}[label]
    words = [*own, "a", "film", "the", "plot"]
    return f"{' '.join(chance.choices(words, k=chance.randrange(3, 9)))},{label}\n"


def write_data(folder: Path) -> None:
    """Writes the data of an experiment, and new data."""
    chance = random.Random(0)
    if folder.name == "passengers":
        columns = "id,town,street,deck,fare,boarded,crew,survived\n"
        (folder / "passengers.csv").write_text(columns + "".join(passenger(chance, i) for i in range(150)))
        (folder / "new.csv").write_text(columns + "".join(passenger(chance, i) for i in range(900, 906)))
    elif folder.name == "reviews":
        (folder / "reviews.csv").write_text("text,label\n" + "".join(review(chance) for _ in range(150)))
        (folder / "new.txt").write_text("a fine film\nthe plot poor and dire\nnothing known\n")
    elif folder.name == "prices":
        rows = [f"{date(2024, 1, 1) + timedelta(i)},{10 + i % 7 + chance.random():.3f}\n" for i in range(180)]
        (folder / "prices.csv").write_text("day,price\n" + "".join(rows))
        np.save(folder / "new.npy", 10 + np.arange(24, dtype=np.float32).reshape(3, 8, 1) % 7)
    else:
        np.save(folder / "new.npy", (np.arange(3 * 64).reshape(3, 8, 8, 1) % 17).astype(np.uint8))


def main() -> None:
    """Trains, stops, predicts, and keeps what a test needs."""
    program = str(Path(sys.argv[1]).resolve())

    def launch(folder: Path, *arguments: str) -> None:
        subprocess.run([sys.executable, program, *arguments], cwd=folder, check=True)

    for name, text in EXPERIMENTS.items():
        folder = Path(name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / f"{name}.py").write_text(f"{HEAD}{text}    )\n")
        write_data(folder)
        train = ["train", "--config", f"{name}.py", "--workdir"]
        if name == "digits":
            launch(folder, *train, "unbroken")
            launch(folder, "evaluate", "--workdir", "unbroken")
            (folder / "unbroken" / "results.json").rename(folder / "unbroken.json")
            shutil.rmtree(folder / "unbroken")
            process = subprocess.Popen([sys.executable, program, *train, "run"], cwd=folder)
            while not (log := folder / "run" / "metrics.jsonl").exists() or len(log.read_text()) < 500:
                time.sleep(0.001)
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 75
        else:
            launch(folder, *train, "run")
            launch(folder, "evaluate", "--workdir", "run")
        inputs = next(folder.glob("new.*"))
        launch(folder, "predict", "--workdir", "run", "--input", inputs.name, "--output", "predicted.csv")
        for path in ("tensorboard", "report", "predictions"):
            shutil.rmtree(folder / "run" / path, ignore_errors=True)
        for path in (".lock", "environment.json"):
            (folder / "run" / path).unlink(missing_ok=True)
        for path in (folder / "run").rglob("commit_success.txt"):
            path.write_text("")  # Orbax writes the path; that it exists is what counts
        (folder / f"{name}.py").unlink()  # the run folder has it


if __name__ == "__main__":
    main()
