"""Utterances to batches: examples, features kept in caches, augmentation, weak labels."""
