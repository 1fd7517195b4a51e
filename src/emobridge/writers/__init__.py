"""Results to files: one module a format, found by a file's extension; a new one is a module and a line in `FORMATS`."""

from emobridge.writers.base import FORMATS, extension_of, format_named, formats_named, render, write

__all__ = ["FORMATS", "extension_of", "format_named", "formats_named", "render", "write"]
