"""Problems whose answer for an example is a class, or several labels."""
