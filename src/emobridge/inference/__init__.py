"""Prediction without torch: a model on disk, a recording in turns, segments with emotions, the time line."""
