import jaxflow

globals().update({name: getattr(jaxflow, name) for name in jaxflow.__all__})


def get_config():
    return Experiment(

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
    )
