"""Names that run folders of earlier versions hold, and what they are called now. For JSON alone, not for flags."""

from typing import Any

# "module:Class" as versions before 0.2 wrote it, without the leading "jaxflow.": today's public name.
CLASSES = {
    "experiment:Experiment": "Experiment",
    "data.dataset:Feature": "Feature",
    "data.dataset:Target": "Target",
    "data.dataset:Schema": "Schema",
    "data.tfds:Tfds": "Tfds",
    "data.digits:Digits": "Digits",
    "data.image_folder:ImageFolder": "ImageFolder",
    "data.image_masks:ImageMasks": "ImageMasks",
    "data.volume_folder:VolumeFolder": "VolumeFolder",
    "data.volume_masks:VolumeMasks": "VolumeMasks",
    "data.audio_folder:AudioFolder": "AudioFolder",
    "data.playground:Playground": "Playground",
    "data.bundled:Bundled": "Bundled",
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
    "data.splitting:InTime": "InTime",
    "data.splitting:KFold": "KFold",
    "models.mlp:MLP": "MLP",
    "models.cnn:CNN": "CNN",
    "models.resnet:ResNet": "ResNet",
    "models.whitened:WhitenedCNN": "WhitenedCNN",
    "models.encoder_decoder:EncoderDecoder": "EncoderDecoder",
    "models.causal:CausalCNN": "CausalCNN",
    "models.bag_of_tokens:BagOfTokens": "BagOfTokens",
    "problems.classification:Classification": "Classification",
    "problems.regression:Regression": "Regression",
    "problems.segmentation:Segmentation": "Segmentation",
    "problems.language_modelling:LanguageModelling": "LanguageModelling",
    "training.preprocess:Scale": "Scale",
    "training.preprocess:Standardize": "Standardize",
    "training.preprocess:StandardizeEach": "StandardizeEach",
    "training.spectrogram:LogMel": "LogMel",
    "training.augment.geometry:Flip": "Flip",
    "training.augment.geometry:Crop": "Crop",
    "training.augment.geometry:AlternatingFlip": "AlternatingFlip",
    "training.augment.geometry:Affine": "Affine",
    "training.augment.appearance:ColorJitter": "ColorJitter",
    "training.augment.appearance:Cutout": "Cutout",
    "training.augment.appearance:Noise": "Noise",
    "training.augment.mixing:Mixup": "Mixup",
    "training.augment.mixing:CutMix": "CutMix",
    "training.augment.randaugment:RandAugment": "RandAugment",
    "training.augment.audio:Shift": "Shift",
    "training.augment.audio:WhiteNoise": "WhiteNoise",
    "training.augment.audio:SpecAugment": "SpecAugment",
    "training.augment.tokens:TokenDropout": "TokenDropout",
    "training.views:Views": "Views",
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


def modernize(value: Any) -> Any:
    """Returns JSON of a run folder as today's version would have written it.

    Args:
      value: what json.loads returns for an experiment.json, or for what a checkpoint carries; what today's version
        wrote comes back as it is.
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
    return parts | {"class": f"jaxflow:{CLASSES[old]}"}
