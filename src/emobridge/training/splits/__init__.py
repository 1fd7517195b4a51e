"""Splits: folds as files, the protocols that make them, and the audit of what leaks from one part to another."""
