"""The version of emobridge, in a leaf module so that nothing has to import the root package for it."""

__version__ = "0.1.0"
