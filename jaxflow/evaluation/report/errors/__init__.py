"""What a report shows of single predictions, by the kind of target."""
