"""Encoders that run without torch: one modality of one utterance to a sequence of vectors.

An encoder of the first two registries is made with its files in the bundle, its settings, dimension and fingerprint;
one of the third is public, needs the extra [train], and is made of the bundle's `NamedEncoderConfig`; see
`emobridge.inference.runtime`.
"""

ACOUSTIC = {"compact": "emobridge.encoders.compact:CompactOnnxEncoder"}
LINGUISTIC = {"minilm": "emobridge.encoders.minilm:MiniLmOnnxEncoder"}
NAMED = {
    "hub speech": "emobridge.encoders.hub.speech:named_acoustic",
    "hub text": "emobridge.encoders.hub.text:named_linguistic",
}
