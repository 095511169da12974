"""Audio clips in folders, with a class each."""

from dataclasses import dataclass
from typing import Annotated

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.labelled import load_labelled
from jaxflow.data.folders.source import LabelledSource
from jaxflow.data.reading.audio import RATES, load_soundfile
from jaxflow.errors import UserError
from jaxflow.ranges import Positive, Range
from jaxflow.schema import Feature


@dataclass(frozen=True)
class AudioFolder(LabelledSource):
    """Audio files (WAV, FLAC, Ogg, MP3) of any rate, length and number of channels in a folder, brought to one of each.

    Labels are found by themselves: a folder for each class, train, validation and test folders of such, or files whose
    names begin with their class (yes.0.wav). A table of path,label is named by `labels`.
    """

    sample_rate: Annotated[int, Range(*RATES)] = 16_000
    """Samples per second that every file is resampled to, here and in `predict`; channels become their mean,
    one turned over first where they would cancel."""
    seconds: Positive = 1.0
    """Length of a clip: of a longer file the beginning is kept, and a shorter one is padded with silence."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.sample_rate * self.seconds < float("inf"):
            raise UserError(f"data.seconds is {self.seconds}; a clip has one sample at least")

    def load(self) -> Dataset:
        """Finds the files, reads each once and splits them; a clip's id is its path below the folder, with slashes.

        Returns:
          The dataset: (examples, samples) float32 from -1 to 1; `excluded` counts unreadable files by the folder's own
          splits, or as "all" where it has none.

        Raises:
          UserError: soundfile is not installed, the folder or its labels make no dataset, or more files are unreadable
            than `max_corrupt`.
        """
        load_soundfile()  # else every file would be said to be unreadable
        feature = Feature("audio", (round(self.sample_rate * self.seconds),), "float32", sample_rate=self.sample_rate)
        return load_labelled(self, feature)
