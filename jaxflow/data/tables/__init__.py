"""Tables: read, cleaned and encoded."""
