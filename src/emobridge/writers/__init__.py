"""Results to files: one module a format, found by a file's extension; a new one is a module and two lines in `base`."""

from emobridge.writers.base import FORMATS, MEDIA_TYPES, extension_of, format_named, formats_named, render, write

__all__ = ["FORMATS", "MEDIA_TYPES", "extension_of", "format_named", "formats_named", "render", "write"]
