"""Why recordings are refused, in one line each."""

from pathlib import Path

from emobridge.errors import AudioError

MIN_SAMPLE_RATE_HZ = 4_000
MAX_SAMPLE_RATE_HZ = 192_000
KEEP_THE_REST = "copy it again from its source, or keep what is there with: ffmpeg -i FILE REPAIRED.wav"


def check_rate(path: Path | bytes, rate_hz: int) -> None:
    """Raise AudioError where a recording has a sample rate out of range."""
    if not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise bad_rate(f"{quoted(path)} has a sample rate of {rate_hz} Hz")


def bad_rate(given: str) -> AudioError:
    """Return the error for a sample rate out of range."""
    valid = f"sample rates go from {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz"
    return AudioError(given, valid, "resample it: ffmpeg -i FILE -ar 16000 RESAMPLED.wav")


def undecodable(path: Path | bytes, reason: str = "no known format") -> AudioError:
    """Return the error for what is no recording."""
    return AudioError(
        f"{quoted(path)} cannot be decoded ({reason.rstrip('.')})",
        "a recording is wav, flac, ogg, opus, mp3, aiff, m4a, mp4, webm or the like, whole and undamaged",
        "check that it plays, or convert it: ffmpeg -i FILE CONVERTED.wav",
    )


def cut_short(path: Path | bytes, promised_s: float, held_s: float) -> AudioError:
    """Return the error for a recording that ends too early."""
    promise = f" of {promised_s:.1f} s that its header promises" if promised_s else ""
    return AudioError(
        f"{quoted(path)} is damaged or cut short after {held_s:.1f} s{promise}", "a recording is whole", KEEP_THE_REST
    )


def goes_on(path: Path | bytes, read_s: float) -> AudioError:
    """Return the error for a recording that goes on after its end."""
    return AudioError(
        f"{quoted(path)} goes on after {read_s:.1f} s, where its first part ends",
        "a recording is one part, as long as its header says",
        "join its parts properly: ffmpeg -i FILE JOINED.wav",
    )


def no_track(path: Path | bytes, track: int | None, count: int) -> AudioError:
    """Return the error for an audio track that is not among the ``count`` there are."""
    return AudioError(f"track {track} of {quoted(path)}", f"its audio tracks are 1 to {count}", "name one of these")


def no_samples(path: Path | bytes) -> AudioError:
    """Return the error for a recording without samples."""
    return AudioError(f"{quoted(path)} holds no samples", "a recording has some sound in it", "record or copy it again")


def quoted(path: Path | bytes) -> str:
    """Return the path as it is shown in an error: in quotes, on one line whatever its name holds."""
    return "the recording" if isinstance(path, bytes) else repr(str(path))
