"""Archives of recordings predicted, or encoded, by many processes on one machine or a cluster: Ray Data, `[bulk]`."""
