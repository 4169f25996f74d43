"""In which encoding a file may be written that is not in the one that was named."""

import codecs

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
COMMON = range(0xB0, 0xD8)  # first bytes of the common Chinese signs in GB 18030
ASCII = 128


def likely_encoding(begin: bytes, not_in: str) -> str:
    """An encoding to try, for a message.

    Args:
        begin: first bytes of a file.
        not_in: an encoding that the file is not in.

    Returns:
        A guess, that a person has to confirm.
    """
    if begin[:2] in UTF_16:
        return "utf-16"
    if not_in.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig") and _decoded(begin, "utf-8") is not None:
        return "utf-8"
    signs = [sign.encode("gb18030")[0] for sign in _decoded(begin, "gb18030") or "" if ord(sign) >= ASCII]
    return "gb18030 (if it is Chinese)" if 2 * sum(first in COMMON for first in signs) > len(signs) else "latin-1"


def _decoded(begin: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(begin)  # the last sign may be cut off
    except UnicodeError:
        return None
