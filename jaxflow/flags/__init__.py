"""An experiment's fields as command-line flags: what they set, what the help says, what a wrong one may mean."""
