"""The cast: a drawn world with a base model, a tagger and a subject to try loratui on."""
