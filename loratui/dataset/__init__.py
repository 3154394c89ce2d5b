"""Datasets: buckets, step plans, frozen snapshots and exports."""
