"""Recordings: decoded, resampled, read in blocks or captured as they come."""
