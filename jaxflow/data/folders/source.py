"""The fields that sources of files share."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from jaxflow.data.folders.split_folders import Folders
from jaxflow.data.folders.splits import check_group
from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.targets import target_names
from jaxflow.errors import UserError
from jaxflow.ranges import Range, Whole, check_ranges


@dataclass(frozen=True)
class FileSource:
    """Files of one kind in a folder."""

    path: str = field(metadata={"identity": False})
    """The folder."""
    split: HoldOut | KFold | str = field(default=HoldOut(), kw_only=True)
    """How examples are held out. Where the folder has validation or test folders these are kept, and HoldOut takes only
    what is missing, out of train. Text names the column of a table of labels that says where each belongs."""
    group: str | None = field(default=None, kw_only=True)
    """Regular expression that finds a group in a file's path, as its first group in parentheses: with "_(.+)_" a
    7_jackson_3.wav is of jackson. Files of one group, a patient or a scene for example, are kept in one split; None
    splits file by file."""
    drop_duplicates: bool = field(default=False, kw_only=True)
    """Whether of examples whose files hold the same bytes one is kept; that of the test where there is one. The others
    are counted."""
    download_hint: str | None = field(default=None, metadata={"identity": False}, kw_only=True)
    """Where the files can be had, said where the folder is missing."""
    in_memory: bool = field(default=True, metadata={"identity": False}, kw_only=True)
    """Whether inputs are kept in memory, and in the cache. With False every batch reads and decodes its own files, for
    datasets larger than memory; masks are kept in memory all the same. The batches are the same."""
    max_corrupt: Whole = field(default=0, metadata={"identity": False}, kw_only=True)
    """Examples that may be unreadable; they are left out, and counted. One more stops the run and names it."""
    follow_links: bool = field(default=False, metadata={"identity": False}, kw_only=True)
    """Whether symbolic links in the folder are followed, here and in `predict`; they may lead out of it."""

    def __post_init__(self) -> None:
        check_group(self.group)
        check_ranges(self)


@dataclass(frozen=True)
class LabelledSource(FileSource):
    """Files with a class each."""

    labels: str | None = field(default=None, kw_only=True)
    """CSV file with the columns path and label, relative to the folder; None takes labels from folders or names."""
    target: str | tuple[str, ...] = field(default="label", kw_only=True)
    """Column of `labels` that is to be predicted, or several of a kind."""
    task: Literal["class", "label", "labels", "number", "text"] = field(default="class", kw_only=True)
    """What these columns hold: a class each; whether a label holds, as 0 and 1 (or no and yes); any number of labels in
    a cell, such as red;round; a number each; or a text, which is predicted character by character (Transcription)."""
    label_separator: str | None = field(default=None, kw_only=True)
    """What separates labels in a cell; None finds ; or | or a comma."""
    folders: Folders = field(default="auto", kw_only=True)
    """What the folders in the folder are: classes, or splits (train, test) that hold the classes; auto infers it from
    their names and from what they hold, and asks where they may be either."""

    def __post_init__(self) -> None:
        super().__post_init__()
        target_names(self.target, self.task)
        if self.task == "text" and not isinstance(self.target, str):
            raise UserError(f"data.task is 'text', and data.target names {len(self.target)} columns; name one")
        if self.labels is None and (self.target != "label" or self.task != "class"):
            raise UserError("data.target and data.task are of a table of labels; name it: data.labels")


@dataclass(frozen=True)
class MaskedSource(FileSource):
    """Files with a mask each, a class for each pixel or voxel."""

    names: tuple[str, ...] = field(default=(), kw_only=True)
    """Names of the classes 0, 1, ...; () takes the values that the training masks hold, whatever they are."""
    ignore_label: Annotated[int, Range(0, 2**15 - 1)] | None = field(default=None, kw_only=True)
    """Value of the pixels or voxels that count nowhere, unlabelled or at borders; None where there is none."""
    mask_values: tuple[Annotated[int, Range(0, 2**15 - 1)], ...] = field(default=(), kw_only=True)
    """Values that masks mean, such as 0 255: each pixel takes the nearest of them, as masks need that were saved with
    losses (JPEG). () takes the values as they are."""
    masks: str = field(default="masks", kw_only=True)
    """Name of the folder of masks."""
    mask_name: str = field(default="{}", kw_only=True)
    """What a mask is called, where {} is what its input is called, both without suffix: {}_mask pairs img1.jpg with
    img1_mask.png. Files of other names are not used, and counted."""
    input_name: str = field(default="{}", kw_only=True)
    """Likewise what an input is called: {}_0000 pairs a_0000.nii.gz with a.nii.gz."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("mask_name", self.mask_name), ("input_name", self.input_name)):
            if value.count("{}") != 1 or "/" in value:
                raise UserError(f"data.{name} is {value!r}; it is a name with one {{}} in it, such as '{{}}_mask'")
        if len(self.names) == 1 or len(set(self.names)) < len(self.names):
            raise UserError(f"data.names is {self.names}; name two classes or more, each once, or none")
        if len(self.mask_values) == 1 or list(self.mask_values) != sorted(set(self.mask_values)):
            raise UserError(f"data.mask_values is {self.mask_values}; give two or more, ascending, or none")
        if self.names and self.mask_values and len(self.names) != len(set(self.mask_values) - {self.ignore_label}):
            raise UserError(
                f"data.names has {len(self.names)} names for data.mask_values {self.mask_values}; name each"
            )
