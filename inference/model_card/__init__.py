"""What is known of a trained model, and the page that says it: MODEL.md."""
