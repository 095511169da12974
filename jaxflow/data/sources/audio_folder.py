"""Audio clips in folders, with a class each."""

from dataclasses import dataclass, field

from jaxflow.data.dataset import Dataset
from jaxflow.data.folders.labelled import load_labelled
from jaxflow.data.folders.splits import check_group
from jaxflow.data.reading.audio import RATES, load_soundfile
from jaxflow.data.splitting import HoldOut, KFold
from jaxflow.errors import UserError
from jaxflow.schema import Feature


@dataclass(frozen=True)
class AudioFolder:
    """Audio files (WAV, FLAC, Ogg) of any rate, length and number of channels in a folder, brought to one of each.

    Labels are found by themselves: a folder for each class, train, validation and test folders of such, or files whose
    names begin with their class (yes.0.wav). A table of path,label is named by `labels`.
    """

    path: str = field(metadata={"identity": False})
    """The folder."""
    sample_rate: int = 16_000
    """Samples per second that every file is resampled to, here and in `predict`; channels become their mean."""
    seconds: float = 1.0
    """Length of a clip: the beginning of a longer file is kept, and silence comes after a shorter one."""
    split: HoldOut | KFold = HoldOut()
    """How clips are held out. Where the folder has validation or test folders these are kept, and HoldOut takes only
    what is missing, out of train."""
    group: str | None = None
    """Regular expression that finds a group in a clip's path, as its first group in parentheses: with "_(.+)_" a
    7_jackson_3.wav is of jackson. Clips of one group, a speaker for example, stay on one side; None splits clip by
    clip."""
    labels: str | None = None
    """CSV file with the columns path and label, relative to the folder; None takes labels from folders or names."""
    drop_duplicates: bool = False
    """Whether of clips whose files hold the same bytes one is kept; that of the test where there
    is one. The others are counted."""
    download_hint: str | None = field(default=None, metadata={"identity": False})
    """Where the clips can be had, said where the folder is missing."""

    in_memory: bool = field(default=True, metadata={"identity": False})
    """Whether the waveforms are kept in memory, and in the cache. With False every batch reads and decodes its own
    files, for datasets larger than memory; the batches are the same."""
    max_corrupt: int = field(default=0, metadata={"identity": False})
    """Files that may be unreadable; they are left out, and counted. One more stops the run and names it."""

    def __post_init__(self) -> None:
        if not RATES[0] <= self.sample_rate <= RATES[1]:
            raise UserError(
                f"data.sample_rate is {self.sample_rate}; it is {RATES[0]:,} to {RATES[1]:,} samples a second"
            )
        if not 1 <= self.sample_rate * self.seconds < float("inf"):
            raise UserError(f"data.seconds is {self.seconds}; a clip has one sample at least")
        if self.max_corrupt < 0:
            raise UserError(f"data.max_corrupt is {self.max_corrupt}; it must be 0 or more")
        check_group(self.group)

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
