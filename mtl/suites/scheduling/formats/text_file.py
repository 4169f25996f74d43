"""The text of a file that a person names."""

from pathlib import Path

from mtl.errors import InputError


def read_text(path: Path, what: str) -> str:
    """The content of a file, without the byte order mark that some editors put first.

    Args:
        path: of the file.
        what: it is, for messages.

    Returns:
        The text.

    Raises:
        InputError: there is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{what} {path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{what} {path}: a folder, expected a file") from None
    except UnicodeDecodeError:
        raise InputError(
            f"{what} {path}: cannot be read as text in UTF-8: save it so (in spreadsheets: CSV UTF-8), and unpacked"
        ) from None
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be read as text ({type(error).__name__})") from None
