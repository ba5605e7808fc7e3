"""Measurements; each is run from the repository's root as `python -m benchmarks.NAME`. Results lie in results/."""
