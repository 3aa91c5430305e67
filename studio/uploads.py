"""An uploaded file on disk for as long as it is read, under a name of ours: the browser's may be anything."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath

from rubrics.errors import UserError

_LONGEST = 100


@contextmanager
def on_disk(data: bytes, name: str) -> Iterator[Path]:
    """The file, gone afterwards. Raises UserError that names it as people do when it cannot be written."""
    with ExitStack() as until_read:
        try:
            folder = until_read.enter_context(tempfile.TemporaryDirectory())
            # A gzip file is known by its ending, too.
            path = Path(folder, "upload.gz" if name.endswith(".gz") else "upload")
            path.write_bytes(data)
        except OSError as error:
            raise UserError(
                f"{name}: cannot be read here ({error.strerror}); make room for temporary files on the studio's machine"
            ) from error
        yield path


def called(name: str) -> str:
    """The file as it is called here: no folders, the end of a name that goes on for ever."""
    return "".join(one for one in PurePath(name).name if one.isprintable())[-_LONGEST:] or "the file"
