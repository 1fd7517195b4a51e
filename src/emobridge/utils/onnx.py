"""ONNX graphs: made ready on first use, run with named arrays, refused when damaged. The only module that runs them."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emobridge.errors import BundleError
from emobridge.utils.onnx_tensors import with_outputs

if TYPE_CHECKING:
    import onnxruntime

RESTORE = "restore the model directory from its source, or export it again"


class Graph:
    """One graph on disk. Nothing is read before the first run, so that an unused modality costs nothing.

    Args:
        path: the ``.onnx`` file.
        outputs: names of the outputs that the graph must have.
        inner: whether these are tensors inside the graph, which only become outputs as it is loaded.
        threads: processor threads; None leaves the choice to onnxruntime.
        optimised: whether `optimise` wrote it, so that there is nothing left to do when it is loaded.
    """

    def __init__(
        self,
        path: Path,
        outputs: tuple[str, ...],
        threads: int | None = None,
        optimised: bool = False,
        inner: bool = False,
    ) -> None:
        self.path = path
        self.outputs = outputs
        self.threads = threads
        self.optimised = optimised
        self.inner = inner

    @cached_property
    def _session(self) -> "onnxruntime.InferenceSession":
        # Imported here because it takes a fifth of a second, which `models` and `--help` need not pay.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # everything worth saying arrives as an exception
        options.use_deterministic_compute = True
        if self.threads is not None:
            options.intra_op_num_threads = self.threads
        if self.optimised:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            model = with_outputs(self.path.read_bytes(), self.outputs) if self.inner else str(self.path)
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base but this
            raise BundleError(f"graph '{self.path}' cannot be loaded: {_one_line(error)}", remedy=RESTORE) from error
        found = [output.name for output in session.get_outputs()]
        missing = [name for name in self.outputs if name not in found]
        if missing:
            given = f"graph '{self.path}' lacks the output {', '.join(missing)}"
            raise BundleError(given, f"it has {', '.join(found)}", RESTORE)
        return session

    def load(self) -> None:
        """Load it now and not at the first run.

        Raises:
            BundleError: it cannot be loaded.
        """
        _ = self._session

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the outputs by name; of ``feeds``, the arrays that the graph has no input for are left out.

        Raises:
            BundleError: the graph cannot be loaded, does not take these arrays, or gives a number that is not finite.
        """
        session = self._session
        wanted = [node.name for node in session.get_inputs()]
        try:
            values = session.run(list(self.outputs), {name: feeds[name] for name in wanted})
        except Exception as error:  # as above; a KeyError is an input that nobody here knows
            given = f"graph '{self.path}' cannot be run: {_one_line(error)}"
            raise BundleError(given, f"it takes {', '.join(wanted)}", RESTORE) from error
        for name, value in zip(self.outputs, values, strict=True):
            if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
                given = f"graph '{self.path}' gave a number that is not finite in '{name}'"
                raise BundleError(given, "every output is a finite number", RESTORE)
        return dict(zip(self.outputs, values, strict=True))


def optimise(source: Path, target: Path, packed: bool) -> None:
    """Write the graph ``source`` as onnxruntime likes it best on this processor; its weights go to a file beside it.

    Args:
        source: an ``.onnx`` file.
        target: a new one; of use to this kind of processor and this version of onnxruntime alone.
        packed: write the weights as kernels read them, too: the graph then loads in an instant and its memory is the
            file's, which takes twice the disk.

    Raises:
        BundleError: the graph cannot be loaded.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(target)
    weights = {"file_name": f"{target.name}.weights", "min_size_in_bytes": "1024"}
    for name, value in weights.items():
        options.add_session_config_entry(f"session.optimized_model_external_initializers_{name}", value)
    options.add_session_config_entry("session.save_external_prepacked_constant_initializers", str(int(packed)))
    try:
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise BundleError(f"graph '{source}' cannot be loaded: {_one_line(error)}", remedy=RESTORE) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
