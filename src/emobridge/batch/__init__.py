"""Many recordings: found, predicted by several processes, written to a folder, resumed after a crash."""
