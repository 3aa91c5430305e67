"""Uploaded files beside each other on disk under their own names, for sources whose names say who rated."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from rubrics.errors import UserError
from studio.uploads import called
from studio.widgets.names import escaped


@contextmanager
def uploaded(files: Sequence[UploadedFile]) -> Iterator[list[Path]]:
    """The files, gone afterwards. What is wrong with them is said on the page, in one line."""
    with tempfile.TemporaryDirectory() as folder, st.spinner("Importing …"):
        paths = [Path(folder) / called(file.name) for file in files]
        for path, file in zip(paths, files, strict=True):
            path.write_bytes(file.getvalue())
        try:
            yield paths
        except UserError as error:
            st.error(escaped(str(error).replace(f"{folder}/", "")), icon=":material/error:")
