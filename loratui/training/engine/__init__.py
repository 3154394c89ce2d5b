"""The trainer process: `python -m loratui.training.engine RUN_FOLDER --attempt K --nonce N`. Nobody imports it."""
