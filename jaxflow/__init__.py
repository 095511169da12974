"""Deep learning in JAX from data to a trained, tested, resumable model: pure functions, one file per experiment.

The public functions are handed out when they are first asked for (PEP 562), so `import jaxflow` imports nothing heavy.
"""

import importlib
import logging
from typing import Any

# Messages reach whoever configures logging; without it, nobody: Python would print warnings on standard error.
logging.getLogger("jaxflow").addHandler(logging.NullHandler())

_PUBLIC = {
    "Experiment": "jaxflow.experiment",
    "load": "jaxflow.experiment",
    "UserError": "jaxflow.errors",
    # data
    "TFDS": "jaxflow.data.sources.tfds",
    "Digits": "jaxflow.data.sources.digits",
    "ImageFolder": "jaxflow.data.sources.image_folder",
    "ImageMasks": "jaxflow.data.sources.image_masks",
    "VolumeFolder": "jaxflow.data.sources.volume_folder",
    "VolumeMasks": "jaxflow.data.sources.volume_masks",
    "AudioFolder": "jaxflow.data.sources.audio_folder",
    "Playground": "jaxflow.data.sources.playground",
    "ToyTable": "jaxflow.data.sources.toy_tables",
    "Series": "jaxflow.data.sources.series",
    "Text": "jaxflow.data.sources.text",
    "LabelledText": "jaxflow.data.sources.labelled_text",
    "Characters": "jaxflow.data.texts.tokenizers",
    "Bytes": "jaxflow.data.texts.tokenizers",
    "BPE": "jaxflow.data.texts.tokenizers",
    "Dataset": "jaxflow.data.dataset",
    "Schema": "jaxflow.schema",
    "Feature": "jaxflow.schema",
    "Target": "jaxflow.schema",
    "from_arrays": "jaxflow.data.sources.arrays",
    "indices": "jaxflow.data.batching.order",
    "Table": "jaxflow.data.sources.table",
    "Number": "jaxflow.data.tables.columns",
    "Category": "jaxflow.data.tables.columns",
    "Date": "jaxflow.data.tables.columns",
    "Outliers": "jaxflow.data.tables.cleaning",
    "HoldOut": "jaxflow.data.splitting",
    "TimeSplit": "jaxflow.data.splitting",
    "KFold": "jaxflow.data.splitting",
    # what sources fit to the training data
    "TableEncoding": "jaxflow.data.tables.encode",
    "NumberEncoder": "jaxflow.data.tables.encoders",
    "DateEncoder": "jaxflow.data.tables.encoders",
    "OneHotEncoder": "jaxflow.data.tables.encoders",
    "OrdinalEncoder": "jaxflow.data.tables.encoders",
    "IndexEncoder": "jaxflow.data.tables.encoders",
    "TargetEncoder": "jaxflow.data.tables.encoders",
    "TextEncoding": "jaxflow.data.texts.encode",
    "CharacterTokenizer": "jaxflow.data.texts.tokenizers",
    "ByteTokenizer": "jaxflow.data.texts.tokenizers",
    "BPETokenizer": "jaxflow.data.texts.tokenizers",
    # models and problems
    "MLP": "jaxflow.models.mlp",
    "CNN": "jaxflow.models.cnn",
    "ResNet": "jaxflow.models.resnet",
    "AirbenchCNN": "jaxflow.models.whitened",
    "LinkNet": "jaxflow.models.encoder_decoder",
    "CausalCNN": "jaxflow.models.causal",
    "BagOfTokens": "jaxflow.models.bag_of_tokens",
    "Classification": "jaxflow.problems.classification",
    "Regression": "jaxflow.problems.regression",
    "Segmentation": "jaxflow.problems.segmentation",
    "LanguageModelling": "jaxflow.problems.language_modelling",
    # training
    "Scale": "jaxflow.transforms.preprocess",
    "Standardize": "jaxflow.transforms.preprocess",
    "StandardizePerExample": "jaxflow.transforms.preprocess",
    "LogMel": "jaxflow.transforms.spectrogram",
    "Flip": "jaxflow.transforms.augment.geometry",
    "Crop": "jaxflow.transforms.augment.geometry",
    "AlternatingFlip": "jaxflow.transforms.augment.geometry",
    "Affine": "jaxflow.transforms.augment.geometry",
    "ColorJitter": "jaxflow.transforms.augment.color",
    "Cutout": "jaxflow.transforms.augment.color",
    "GaussianNoise": "jaxflow.transforms.augment.color",
    "Mixup": "jaxflow.transforms.augment.mixing",
    "CutMix": "jaxflow.transforms.augment.mixing",
    "RandAugment": "jaxflow.transforms.augment.randaugment",
    "TimeShift": "jaxflow.transforms.augment.audio",
    "WhiteNoise": "jaxflow.transforms.augment.audio",
    "SpecAugment": "jaxflow.transforms.augment.audio",
    "TokenDropout": "jaxflow.transforms.augment.tokens",
    "FlipShift": "jaxflow.transforms.tta",
    "SGD": "jaxflow.optimizers.base",
    "RMSprop": "jaxflow.optimizers.base",
    "Adam": "jaxflow.optimizers.base",
    "AdamW": "jaxflow.optimizers.base",
    "Muon": "jaxflow.optimizers.muon",
    "Constant": "jaxflow.optimizers.schedules",
    "Cosine": "jaxflow.optimizers.schedules",
    "Linear": "jaxflow.optimizers.schedules",
    "Step": "jaxflow.optimizers.schedules",
    "make_optimizer": "jaxflow.optimizers.base",
    "TrainState": "jaxflow.training.state",
    "init_state": "jaxflow.training.state",
    "make_train_step": "jaxflow.training.steps",
    "make_eval_step": "jaxflow.training.steps",
    "make_predict_step": "jaxflow.training.steps",
    "evaluate_split": "jaxflow.training.eval_loop",
    # verbs
    "explore": "jaxflow.exploration.explore",
    "train": "jaxflow.training.loop",
    "replay": "jaxflow.training.replay",
    "evaluate": "jaxflow.evaluation.evaluate",
    "predict": "jaxflow.deployment.predict",
    "generate": "jaxflow.deployment.generate",
}

# Families that grow lie one dot down: jaxflow.losses.Huber. The public names of each are its module's __all__.
FAMILIES = {"losses": "jaxflow.problems.losses", "metrics": "jaxflow.problems.metrics"}

__all__ = sorted([*_PUBLIC, *FAMILIES])


def __getattr__(name: str) -> Any:
    if name in FAMILIES:
        return importlib.import_module(FAMILIES[name])
    if name not in _PUBLIC:
        raise AttributeError(f"module 'jaxflow' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
