"""Values that are predicted with their uncertainty."""
