"""Encoders that run without torch: one modality of one utterance to a sequence of vectors.

An encoder of either registry is made with its files in the bundle, its settings, dimension and fingerprint; see
`emobridge.runtime`.
"""

ACOUSTIC = {"compact": "emobridge.encoders.compact:CompactEncoder"}
LINGUISTIC = {"minilm": "emobridge.encoders.minilm:MiniLmEncoder"}
