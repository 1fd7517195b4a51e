"""Results to files: one class a format, found by the file's extension. A new format is a module and a registry line."""

from emobridge.writers.base import FORMATS, Writer, extension_of, format_named, formats_named, write, writer_for

__all__ = ["FORMATS", "Writer", "extension_of", "format_named", "formats_named", "write", "writer_for"]
