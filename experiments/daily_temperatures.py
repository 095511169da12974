"""Tomorrow's lowest temperature in Melbourne from the last 29 days', 1981 to 1990.

python launch.py --config experiments/daily_temperatures.py --data.path=FILE
"""

from jaxflow import MLP, Adam, Cosine, Experiment, InTime, Regression, Series, Standardize


def get_config():
    return Experiment(
        data=Series(
            "data/daily_min_temperatures.csv",
            time="Date",
            columns=("Temp",),
            length=29,
            split=InTime(validation=0.1, test=0.1),
        ),
        preprocess=(Standardize(),),
        model=MLP(hidden=(32,)),
        problem=Regression(),
        optimizer=Adam(learning_rate=1e-3, schedule=Cosine()),
        batch_size=32,
        epochs=20,
    )
