"""Device code that is part of a model's program: preprocessing, augmentation, test-time augmentation."""
