"""What a trained model is worth: metrics, predictions, figures."""
