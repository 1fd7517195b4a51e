"""Where recordings come from and results go to: folders, and whatever pyarrow or fsspec has a file system for.

Design: pyarrow's own file systems first (folders, S3, Google Cloud, Azure, HDFS), since they need no further package;
any other address is fsspec's, chained ones such as ``zip://::archive.zip`` too.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from emobridge.errors import EmobridgeError, OutputError
from emobridge.utils.extras import load_extra
from emobridge.utils.files import write_file

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_address(place: str) -> bool:
    """Return whether a place is an address such as ``s3://bucket/folder``; otherwise it is a path on this machine."""
    return _ADDRESS.match(place) is not None


def below(address: str, relative: str) -> str:
    """Return the address of what lies at a relative path below another address, or path below a path."""
    end = re.search(r"::|\?", address) if is_address(address) else None
    head, tail = (address[: end.start()], address[end.start() :]) if end else (address, "")
    return f"{head}{'' if head.endswith('/') else '/'}{relative}{tail}"


def shown(address: str) -> str:
    """Return an address without what may be secret in it, the part before ``@`` and that after ``?``."""
    if not is_address(address):
        return address
    plain, chained, rest = address.partition("::")
    scheme, _, place = plain.partition("?")[0].partition("://")
    head, slash, tail = place.partition("/")
    host = head if chained else head.rpartition("@")[2]
    return f"{scheme}://{host}{slash}{tail}{chained}{shown(rest)}"


@dataclass(frozen=True)
class Store:
    """A file system and a folder in it. Make one with `open_store`.

    Attributes:
        address: as it was given.
        files: a pyarrow file system.
        root: the folder in it.
    """

    address: str
    files: Any
    root: str

    def path(self, relative: str) -> str:
        """Return where in the file system a path below the folder is; an empty one is the folder itself."""
        return f"{self.root.rstrip('/')}/{relative}" if self.root and relative else self.root or relative

    def state(self, relative: str = "") -> Any:
        """Return what pyarrow tells of a path below the folder: its type, and its size.

        Raises:
            EmobridgeError: the store does not answer.
        """
        try:
            return self.files.get_file_info(self.path(relative))
        except OSError as error:
            raise self._silent(error) from error

    def names(self, relative: str = "") -> list[str]:
        """Return the paths of the files in a folder, below `root`; none where there is no such folder."""
        selector = load_extra("pyarrow.fs", "bulk").FileSelector(self.path(relative), allow_not_found=True)
        try:
            found = self.files.get_file_info(selector)
        except OSError as error:
            raise self._silent(error) from error
        return sorted(f"{relative}/{info.base_name}".lstrip("/") for info in found if info.is_file)

    def open(self, relative: str) -> BinaryIO:
        """Open a file to read from anywhere in it; the caller closes it.

        Raises:
            OSError: it is not there, or the store does not answer.
        """
        return cast(BinaryIO, self.files.open_input_file(self.path(relative)))

    def read(self, relative: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises:
            EmobridgeError: the store does not answer.
        """
        try:
            with self.open(relative) as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._silent(error) from error

    def put(self, relative: str, content: bytes) -> None:
        """Put a file in place: whole, or what was there stays.

        Raises:
            OutputError: it cannot be written.
        """
        if self.files.type_name == "local":
            write_file(Path(self.path(relative)), content)
            return
        try:  # an object is there once it was sent whole
            with self.files.open_output_stream(self.path(relative)) as file:
                file.write(content)
        except OSError as error:
            raise self._unwritable(relative, error) from error

    def remove(self, relative: str) -> None:
        """Remove a file, if it is there.

        Raises:
            OutputError: it cannot be removed.
        """
        try:
            self.files.delete_file(self.path(relative))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._unwritable(relative, error) from error

    def make_folder(self, relative: str) -> None:
        """Make a folder, if it is not there yet.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            self.files.create_dir(self.path(relative), recursive=True)
        except OSError as error:
            raise self._unwritable(relative, error) from error

    def _silent(self, error: OSError) -> EmobridgeError:
        return EmobridgeError(
            f"'{shown(self.address)}' cannot be read ({error})", remedy="check its address and your access"
        )

    def _unwritable(self, relative: str, error: OSError) -> OutputError:
        given = f"'{shown(below(self.address, relative))}' cannot be written ({error})"
        return OutputError(given, "the place must be writable", "check its address and your access")


def open_store(address: str) -> Store:
    """Return the store at a path or an address; nothing in it is read yet.

    Raises:
        EmobridgeError: no file system for such addresses is installed.
        MissingExtraError: the extra [bulk] is not installed.
    """
    arrow = load_extra("pyarrow.fs", "bulk")
    if not is_address(address):
        return Store(address, arrow.LocalFileSystem(), os.path.abspath(address))  # noqa: PTH100  as bytes may need it
    try:
        return Store(address, *arrow.FileSystem.from_uri(address))
    except ValueError:  # an address that is not pyarrow's
        pass
    except OSError as error:
        raise _no_store(address, error) from error
    try:
        files, root = load_extra("fsspec.core", "bulk").url_to_fs(address)
    except (ValueError, ImportError, OSError) as error:
        raise _no_store(address, error) from error
    return Store(address, arrow.PyFileSystem(arrow.FSSpecHandler(files)), root)


def _no_store(address: str, error: Exception) -> EmobridgeError:
    return EmobridgeError(
        f"'{shown(address)}' cannot be opened ({error})",
        "valid: a path, or an address of pyarrow's or fsspec's file systems",
        "install the package of that file system, such as s3fs or adlfs, or check the address",
    )
