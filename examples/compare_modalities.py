"""What the same recording says as sound, as words, and as both together."""

import emobridge

recording = emobridge.sample()
words = recording.with_suffix(".txt")
model = emobridge.load(categories="four")

for name, result in {
    "sound": model.predict(recording),
    "words": model.predict(None, words),
    "both": model.predict(recording, words),
}.items():
    shares = ", ".join(f"{category} {share:.0%}" for category, share in result.summary.shares.items())
    print(f"{name:<6} {shares}")
