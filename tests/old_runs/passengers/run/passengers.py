import jaxflow

globals().update({name: getattr(jaxflow, name) for name in jaxflow.__all__})


def get_config():
    return Experiment(

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
    )
