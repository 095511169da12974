"""Names that run folders of earlier versions hold, and what they are called now. For JSON alone, not for flags."""

from collections.abc import Mapping
from typing import Any

# "module:Class" as versions before 0.2 wrote it, without the leading "jaxflow.": today's public name.
CLASSES = {
    "experiment:Experiment": "Experiment",
    "data.dataset:Feature": "Feature",
    "data.dataset:Target": "Target",
    "data.dataset:Schema": "Schema",
    "data.tfds:Tfds": "TFDS",
    "data.digits:Digits": "Digits",
    "data.image_folder:ImageFolder": "ImageFolder",
    "data.image_masks:ImageMasks": "ImageMasks",
    "data.volume_folder:VolumeFolder": "VolumeFolder",
    "data.volume_masks:VolumeMasks": "VolumeMasks",
    "data.audio_folder:AudioFolder": "AudioFolder",
    "data.playground:Playground": "Playground",
    "data.bundled:Bundled": "ToyTable",
    "data.series:Series": "Series",
    "data.text:Text": "Text",
    "data.labelled_text:LabelledText": "LabelledText",
    "data.tokens:Characters": "Characters",
    "data.tokens:Bytes": "Bytes",
    "data.tokens:BPE": "BPE",
    "data.table:Table": "Table",
    "data.columns:Number": "Number",
    "data.columns:Category": "Category",
    "data.columns:Date": "Date",
    "data.cleaning:Outliers": "Outliers",
    "data.splitting:HoldOut": "HoldOut",
    "data.splitting:InTime": "TimeSplit",
    "data.splitting:KFold": "KFold",
    "models.mlp:MLP": "MLP",
    "models.cnn:CNN": "CNN",
    "models.resnet:ResNet": "ResNet",
    "models.whitened:WhitenedCNN": "AirbenchCNN",
    "models.encoder_decoder:EncoderDecoder": "LinkNet",
    "models.causal:CausalCNN": "CausalCNN",
    "models.bag_of_tokens:BagOfTokens": "BagOfTokens",
    "problems.classification:Classification": "Classification",
    "problems.regression:Regression": "Regression",
    "problems.segmentation:Segmentation": "Segmentation",
    "problems.language_modelling:LanguageModelling": "LanguageModelling",
    "training.preprocess:Scale": "Scale",
    "training.preprocess:Standardize": "Standardize",
    "training.preprocess:StandardizeEach": "StandardizePerExample",
    "training.spectrogram:LogMel": "LogMel",
    "training.augment.geometry:Flip": "Flip",
    "training.augment.geometry:Crop": "Crop",
    "training.augment.geometry:AlternatingFlip": "AlternatingFlip",
    "training.augment.geometry:Affine": "Affine",
    "training.augment.appearance:ColorJitter": "ColorJitter",
    "training.augment.appearance:Cutout": "Cutout",
    "training.augment.appearance:Noise": "GaussianNoise",
    "training.augment.mixing:Mixup": "Mixup",
    "training.augment.mixing:CutMix": "CutMix",
    "training.augment.randaugment:RandAugment": "RandAugment",
    "training.augment.audio:Shift": "TimeShift",
    "training.augment.audio:WhiteNoise": "WhiteNoise",
    "training.augment.audio:SpecAugment": "SpecAugment",
    "training.augment.tokens:TokenDropout": "TokenDropout",
    "training.views:Views": "FlipShift",
    "training.optimizers:SGD": "SGD",
    "training.optimizers:RMSprop": "RMSprop",
    "training.optimizers:Adam": "Adam",
    "training.optimizers:AdamW": "AdamW",
    "training.muon:Muon": "Muon",
    "training.schedules:Constant": "Constant",
    "training.schedules:Cosine": "Cosine",
    "training.schedules:Linear": "Linear",
    "training.schedules:Step": "Step",
}


# By today's public name of a class: fields that had another name then.
FIELDS = {
    "Experiment": {
        "views": "tta",
        "ema": "ema_decay",
        "feed": "data_placement",
        "workers": "num_workers",
        "log_steps": "log_every_steps",
        "checkpoint_steps": "checkpoint_every_steps",
        "validate_epochs": "validate_every_epochs",
        "keep_checkpoints": "max_checkpoints",
        "max_skipped": "max_nonfinite_steps",
    },
    "Target": {"over": "dense_shape"},
    "Feature": {"rate": "sample_rate"},
    "ImageFolder": {"origin": "download_hint"},
    "ImageMasks": {"origin": "download_hint", "void": "ignore_label"},
    "VolumeFolder": {"origin": "download_hint"},
    "VolumeMasks": {"origin": "download_hint", "void": "ignore_label"},
    "AudioFolder": {"origin": "download_hint", "rate": "sample_rate"},
    "Text": {"origin": "download_hint"},
    "LabelledText": {"origin": "download_hint"},
    "Table": {"most_missing": "max_missing_fraction"},
    "Number": {"clip": "winsorize"},
    "Category": {"most": "max_categories"},
    "Outliers": {"rule": "method", "beyond": "threshold"},
    "MLP": {"categories": "cardinalities"},
    "GaussianNoise": {"deviation": "std"},
    "TimeShift": {"share": "max_fraction"},
    "WhiteNoise": {"low": "min_snr_db", "high": "max_snr_db"},
    "SpecAugment": {"frequency": "freq_mask_width", "frequency_masks": "freq_masks", "time": "time_mask_width"},
    "Affine": {"zoom": "scale"},
    "RandAugment": {"count": "num_ops", "strength": "magnitude"},
    "SGD": {"decay_biases": "decay_all"},
    "Muon": {"matrices": "matrix_optimizer", "others": "default_optimizer"},
}
# By public name and field: values that had another name.
VALUES = {
    ("Outliers", "method"): {"quartiles": "iqr"},
    ("Category", "impute"): {"own": "as_category"},
    ("Category", "encode"): {"embed": "index"},
}
# By the kind that an encoding of a column or of texts had: its class.
ENCODERS = {
    "number": "NumberEncoder",
    "date": "DateEncoder",
    "onehot": "OneHotEncoder",
    "ordinal": "OrdinalEncoder",
    "target": "TargetEncoder",
    "embed": "IndexEncoder",
}
TOKENIZERS = {"characters": "CharacterTokenizer", "bytes": "ByteTokenizer", "bpe": "BPETokenizer"}
# Problems had no choice of metrics, and these; and what losses of regression were called.
METRICS = {
    "Classification": ("Accuracy",),
    "Regression": ("RMSE", "MAE"),
    "Segmentation": ("Accuracy", "IoU", "Dice"),
    "LanguageModelling": ("Accuracy", "Perplexity"),
}
REGRESSION_LOSSES = {"squared": "SquaredError", "absolute": "AbsoluteError", "huber": "Huber"}


def modernize_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a checkpoint carries as today's version would have written it; what transforms fitted stays.

    Args:
      meta: the entries by name; those of today's version come back as they are.
    """
    encoding = meta.get("encoding")
    modern = {name: modernize(meta[name]) for name in ("schema", "problem", "encoding") if name in meta}
    if isinstance(encoding, dict) and "class" not in encoding:
        modern["encoding"] = _encoding(encoding)
    return {**meta, **modern}


def modernize(value: Any) -> Any:
    """Returns objects in JSON as today's version would have written them.

    Args:
      value: what json.loads returns for an experiment, or for a part of one; what today's version wrote comes back as
        it is.
    """
    if isinstance(value, list):
        return [modernize(part) for part in value]
    if not isinstance(value, dict):
        return value
    parts = {name: modernize(part) for name, part in value.items()}
    module, _, name = str(parts.get("class")).partition(":")
    old = f"{module.removeprefix('jaxflow.')}:{name}"
    if not module.startswith("jaxflow.") or old not in CLASSES:
        return parts
    return _renamed(CLASSES[old], parts)


def _renamed(name: str, parts: dict[str, Any]) -> dict[str, Any]:
    """Returns the description of an object under today's names of its class, fields and values."""
    parts = {FIELDS.get(name, {}).get(field, field): value for field, value in parts.items()}
    for field, names in VALUES.items():
        if field[0] == name and isinstance(parts.get(field[1]), str):
            parts[field[1]] = names.get(parts[field[1]], parts[field[1]])
    # The number of tokens was a tuple of one.
    if name in ("CausalCNN", "BagOfTokens") and "categories" in parts:
        parts["vocab_size"] = _only(parts.pop("categories"))
    if name == "Feature" and "categories" in parts:
        counts = parts.pop("categories")
        tokens = parts.get("kind") == "tokens"
        parts |= {"cardinalities": [] if tokens else counts, "vocab_size": _only(counts) if tokens else None}
    if name == "Feature" and parts.get("kind") == "vector" and len(parts.get("shape", ())) == 2:
        parts["kind"] = "series"
    if name in METRICS:
        parts = _problem(name, parts)
    return parts | {"class": f"jaxflow:{name}"}


def _encoding(fitted: dict[str, Any]) -> dict[str, Any]:
    """Returns what a source fitted, which was a dict without classes, as a TableEncoding or a TextEncoding."""
    if "tokens" in fitted:
        parts = {name: part for name, part in fitted["tokens"].items() if name != "kind"}
        tokenizer = {"class": f"jaxflow:{TOKENIZERS[fitted['tokens']['kind']]}", **parts}
        return {"class": "jaxflow:TextEncoding", "tokenizer": tokenizer, "column": fitted.get("text")}
    columns = [_encoder(column) for column in fitted["columns"]]
    return {
        "class": "jaxflow:TableEncoding",
        "columns": columns,
        "missing_values": fitted["missing"],
        "id": fitted["id"],
    }


def _encoder(column: dict[str, Any]) -> dict[str, Any]:
    kind = column["kind"]
    if kind == "date":
        parts = {"days": _encoder(column["days"]), "periods": column["turns"], "format": column["format"]}
    else:
        names = {"missing": "missing_fraction", "mean": "overall_means"}
        unused = {"kind"} if kind == "onehot" else {"kind", "other"}
        parts = {names.get(name, name): part for name, part in column.items() if name not in unused}
    return {"class": f"jaxflow:{ENCODERS[kind]}", **parts}


def _problem(name: str, parts: dict[str, Any]) -> dict[str, Any]:
    """Returns a problem's fields with its loss and its metrics as objects; the loss was a few of them."""
    rest, loss = dict(parts), {}
    if name == "Regression":
        loss["class"] = f"jaxflow.losses:{REGRESSION_LOSSES[rest.pop('loss', 'squared')]}"
        delta = rest.pop("delta", 1.0)
        loss |= {"delta": delta} if loss["class"].endswith("Huber") else {}
    else:
        defaults = {"label_smoothing": 0.0, "class_weights": "none"}
        loss = {"class": "jaxflow.losses:CrossEntropy"} | {
            field: rest.pop(field, default) for field, default in defaults.items()
        }
    metrics = [{"class": f"jaxflow.metrics:{metric}"} for metric in METRICS[name]]
    return rest | {"loss": loss, "metrics": metrics, "selection_metric": "loss"}


def _only(counts: Any) -> Any:
    return counts[0] if isinstance(counts, list) and len(counts) == 1 else None
