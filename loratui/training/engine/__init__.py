"""The trainer process: `python -m loratui.training.engine RUN_FOLDER --attempt K --nonce N`.

Torch lives here: only the trainer and the sampler, each a process of its own, import these modules.
"""
