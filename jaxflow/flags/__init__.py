"""An experiment's fields as command-line flags: what they set, what they show in the help, what a wrong one may mean."""
