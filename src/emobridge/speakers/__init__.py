"""Who speaks when: from a file, from a transcript, from channels, or grouped by voice."""

from emobridge.speakers.base import Turn
from emobridge.speakers.channels import are_copies, without_crosstalk
from emobridge.speakers.rttm import read_rttm
from emobridge.speakers.spans import turns_of
from emobridge.speakers.voices import group_by_voice

__all__ = ["Turn", "are_copies", "group_by_voice", "read_rttm", "turns_of", "without_crosstalk"]
