"""How fast emobridge is on the machine that it runs on, beside its peers and the machine's own peaks."""
