"""Judging: metrics, intervals over speakers, calibration, and the predictions that every figure is computed from."""
