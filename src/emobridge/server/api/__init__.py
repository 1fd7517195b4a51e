"""The routes of the service, what they accept and what they answer."""
