"""Training: recipes, LoRA files and the trainer process."""
