"""The command ``emobridge models``: what a model is."""

from pathlib import Path
from typing import Annotated

import typer


def models(
    model: Annotated[
        Path | None, typer.Argument(help="Model directory; left out: the model that comes with emobridge.")
    ] = None,
) -> None:
    """Print what a model is: its name, size, categories, dimensions, licence and training data."""
    from emobridge.encoders.config import NamedEncoderConfig
    from emobridge.inference.bundle import load_bundle

    bundle = load_bundle(model)
    config = bundle.config
    size_mb = sum(path.stat().st_size for path in bundle.path.iterdir()) / 1e6
    encoders = {"acoustic": config.encoders.acoustic, "linguistic": config.encoders.linguistic}
    lines = {
        "path": str(bundle.path),
        "size": f"{size_mb:.1f} MB",
        "sha256": bundle.sha256,
        "description": config.description,
        "licence": config.licence,
        "encoders": ", ".join(
            f"{name} {encoder.settings['encoder'] if isinstance(encoder, NamedEncoderConfig) else encoder.name}"
            for name, encoder in encoders.items()
            if encoder is not None
        ),
        "windows": f"{config.window_s:g} s at {config.sample_rate_hz} Hz",
        "categories": ", ".join(config.categories),
        **{f"view {name}": ", ".join(view.categories) for name, view in config.views.items()},
    }
    typer.echo(f"{config.name} {config.version}")
    for name, value in lines.items():
        typer.echo(f"  {name:<15}{value}")
    for dimension in config.dimensions:
        taught = ", ".join(f"{modality} {how}" for modality, how in dimension.supervision.items())
        typer.echo(f"  {'dimension':<15}{dimension.name} ({taught})")
    for corpus in config.training_data:
        speakers = "unknown" if corpus.speakers is None else corpus.speakers
        counts = f"{corpus.utterances} utterances, speakers: {speakers}"
        typer.echo(f"  {'learned from':<15}{corpus.corpus} ({corpus.licence}; {counts}): {corpus.used_for}")
