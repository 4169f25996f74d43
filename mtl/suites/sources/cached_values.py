"""Values that a suite computes from its sources, cached between runs: named by all they depend on, with a checksum."""

import hashlib
import os
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow
import torch

from mtl.suites.sources.archive import Source
from mtl.suites.sources.cache import cache_directory, file_lock, make_directory, sha256, write_bytes

T = TypeVar("T")
DIGEST = 32  # bytes of a SHA-256, with which every file begins


class Form(NamedTuple, Generic[T]):
    """How values become bytes, and bytes values again."""

    pack: Callable[[T], bytes]
    unpack: Callable[[bytes], T]


def pack_frame(frame: pd.DataFrame) -> bytes:
    """A table as an Arrow file."""
    out = BytesIO()
    frame.to_feather(out)
    return out.getvalue()


def pack_tensors(values: Any) -> bytes:
    """Tensors and plain values in dictionaries, tuples and lists; compressed, since inputs are mostly zero."""
    plain, out = BytesIO(), pyarrow.BufferOutputStream()
    torch.save(values, plain)
    with pyarrow.CompressedOutputStream(out, "lz4") as compressed:
        compressed.write(plain.getbuffer())
    content: bytes = out.getvalue().to_pybytes()
    return content


def unpack_tensors(content: bytes) -> Any:
    """What :func:`pack_tensors` was given."""
    with pyarrow.CompressedInputStream(pyarrow.BufferReader(content), "lz4") as compressed:
        return torch.load(BytesIO(compressed.read()), weights_only=True)


FRAME: Form[pd.DataFrame] = Form(pack_frame, lambda content: pd.read_feather(BytesIO(content)))
TENSORS: Form[Any] = Form(pack_tensors, unpack_tensors)


def load_or_make(
    name: str,
    make: Callable[[], T],
    form: Form[T],
    *,
    sources: Sequence[Source],
    code: Sequence[str],
    options: Any = (),
    cache: Path | None = None,
) -> T:
    """What ``make`` returns, from the cache if the same code made it before of the same content.

    Of several processes that ask at once, one makes it and the others wait. A damaged file is made again. Where the
    cache may not be written, as one that is shared, it is made every time.

    Args:
        name: of the kind of thing, for the file's name.
        make: makes it.
        form: how it is kept: :data:`FRAME` or :data:`TENSORS`.
        sources: what it is made of.
        code: the Python files that make it.
        options: what else it depends on, with a ``repr`` that says all.
        cache: directory to keep it in; None: :func:`~mtl.suites.sources.cache.cache_directory`.

    Returns:
        What ``make`` returned, now or then.
    """
    read = [sha256(source.read()) for source in sources]
    written = [sha256(Path(file).read_bytes()) for file in code]
    key = repr((read, written, options, np.__version__, pd.__version__)).encode()
    path = (cache or cache_directory()) / "prepared" / f"{name}-{sha256(key)[:16]}"
    content = read_checked(path)
    if content is None and not writable(path.parent):
        return make()
    if content is None:
        make_directory(path.parent)
        with file_lock(path.with_suffix(".lock")):
            content = read_checked(path)  # another process may have been quicker
            if content is None:
                made = make()
                content = form.pack(made)
                write_bytes(path, hashlib.sha256(content).digest() + content)
                return made
    return form.unpack(content)


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return os.access(existing, os.W_OK)


def read_checked(path: Path) -> bytes | None:
    """The content of a kept file; None if there is none or it is damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, content = content[:DIGEST], content[DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else None
