"""What a model must beat: simple models, fitted to the same training split and scored on the same test split."""
