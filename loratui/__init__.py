"""loratui: from a folder of pictures to a published image LoRA, by keyboard, over SSH."""

__version__ = "0.1.0"
