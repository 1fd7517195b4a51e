"""Jobs of the service: kept on disk, dispatched to processes, limited for each client."""
