"""Where somebody speaks, how that is cut into utterances, and whether the sound of one can be relied on."""
