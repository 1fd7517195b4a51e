"""Public checkpoints as frozen encoders: of speech (HuBERT, WavLM, wav2vec 2.0, Whisper), of text (DeBERTa, BERT)."""
