"""Who survived the Titanic: a table of numbers, categories and missing values, and a small multilayer perceptron.

Test accuracy 0.819 +- 0.058 over ten folds of the 891 passengers of Kaggle's train.csv, each trained on the nine others
(--folds all --data.split.validation=False; 95% interval of the mean 0.760 to 0.879). On the same folds scikit-learn's
gradient boosting has 0.823, logistic regression 0.799; by sex alone it is 0.787. 0.3 seconds of processor time a fold.

    python launch.py --config experiments/titanic.py --data.path=titanic.csv
    python launch.py predict --workdir runs/titanic --input new_passengers.csv
"""

from jaxflow import MLP, AdamW, Category, Classification, Cosine, Experiment, KFold, Number, Table


def get_config():
    return Experiment(
        data=Table(
            "data/titanic.csv",
            target="survived",
            drop=("name", "ticket", "cabin"),
            columns=(Category("pclass"), Number("fare", winsorize=0.01)),
            split=KFold(folds=10, stratify=True),
        ),
        model=MLP(hidden=(32, 32), dropout=0.2),
        problem=Classification(),
        optimizer=AdamW(learning_rate=3e-3, weight_decay=1e-2, schedule=Cosine()),
        batch_size=32,
        epochs=30,
    )
