"""Faults planted in runs, and what the diagnosis makes of them."""
