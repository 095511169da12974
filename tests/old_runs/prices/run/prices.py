import jaxflow

globals().update({name: getattr(jaxflow, name) for name in jaxflow.__all__})


def get_config():
    return Experiment(

        data=Series("prices.csv", columns=("price",), time="day", length=8, horizon=2),
        preprocess=(Standardize(),),
        model=MLP(hidden=(8,)),
        problem=Regression(loss="huber", delta=0.5),
        optimizer=Muon(learning_rate=0.02, others=AdamW(1e-2)),
        batch_size=16,
        epochs=3,
        keep_checkpoints=1,
        log_steps=5,
    )
