"""Results to files: one class a format, found by the file's extension. A new format is a module and a registry line."""

from emobridge.writers.base import FORMATS, Writer, write, writer_for

__all__ = ["FORMATS", "Writer", "write", "writer_for"]
