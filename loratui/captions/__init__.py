"""Captions: what a picture tells the trainer, computed from scores, edits and rules."""
