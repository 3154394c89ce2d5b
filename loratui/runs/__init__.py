"""Runs: the queue, the worker and the processes that train."""
