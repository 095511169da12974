import jaxflow

globals().update({name: getattr(jaxflow, name) for name in jaxflow.__all__})


def get_config():
    return Experiment(

        data=LabelledText("reviews.csv", text="text", label="label", tokens=BPE(280), length=16),
        augment=(TokenDropout(0.1),),
        model=BagOfTokens(width=8),
        problem=Classification(),
        optimizer=Adam(1e-2),
        batch_size=16,
        epochs=3,
        keep_checkpoints=1,
        log_steps=5,
    )
