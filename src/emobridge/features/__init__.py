"""Acoustic features: log-mel energies, low-level descriptors, functionals, and their normalization by speaker."""
