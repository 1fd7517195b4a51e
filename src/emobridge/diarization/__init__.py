"""Who speaks when: from a file, from a transcript, from channels, or grouped by voice."""

from emobridge.diarization.channels import are_copies, without_crosstalk
from emobridge.diarization.clustering import group_by_voice
from emobridge.diarization.from_transcript import turns_of
from emobridge.diarization.rttm import read_rttm
from emobridge.diarization.turn import Turn

__all__ = ["Turn", "are_copies", "group_by_voice", "read_rttm", "turns_of", "without_crosstalk"]
