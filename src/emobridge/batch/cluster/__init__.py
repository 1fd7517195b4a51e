"""Archives of recordings judged, or encoded, by many processes on one machine or a cluster: Ray Data, `[bulk]`."""
