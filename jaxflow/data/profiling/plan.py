"""What an experiment does already, so that no advice tells it to do that."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What an experiment does about what may be found in its data.

    Attributes:
      preprocess: names of the classes of its transforms.
      weighs_classes: whether rare classes count more, by their weights or by sampling.
      settings: settings of its source that are at hand, and their values, by name.
      written_in: what says which split an example belongs to; None where a rule holds examples out.
    """

    preprocess: tuple[str, ...] = ()
    weighs_classes: bool = False
    settings: tuple[tuple[str, object], ...] = ()
    written_in: str | None = None

    def setting(self, name: str, default: object = None) -> object:
        """Returns the value of one of the source's settings; `default` where it has no such."""
        return dict(self.settings).get(name, default)

    def has(self, name: str) -> bool:
        """Returns whether the source has a setting of this name."""
        return name in dict(self.settings)

    def keep_together(self, what: str) -> str:
        """Returns how examples of one `what`, a scene for example, come into one split."""
        if self.written_in:
            return f"move all of one {what} into one split of {self.written_in}"
        if self.setting("group"):
            return f"let data.group find the {what}, so that all of one are in one split"
        if self.has("group"):
            return f"split by {what}: data.group names it, so that all of one are in one split"
        return f"split by {what}"

    def leave_out_equal(self) -> str:
        """Returns how of equal examples one is kept."""
        if self.setting("drop_duplicates") is False:
            return "leave them out: --data.drop_duplicates=True"
        if self.has("duplicates") and self.setting("duplicates") != "drop":
            return "leave them out: --data.duplicates=drop"
        return "leave them out"

    def spread_class(self, split: str) -> str:
        """Returns how a class that a split lacks comes into it."""
        rule = self.setting("split")
        if self.written_in:
            return (
                f"the splits are those of {self.written_in}: put some of its examples into {split} there, or do without"
            )
        if getattr(rule, "stratify", None) is False and not self.setting("group"):
            return f"stratify the split, split={type(rule).__name__}(stratify=True), or give more examples"
        return "give more examples, or a larger split"
