"""Where rows may be, as a person types it: a file, a database, or a file on another machine."""

from mtl.errors import InputError

VARIABLE = "env:"  # how a variable of the environment is named that holds the address of a database
# What an address begins with that is of a file elsewhere, and of no database
ELSEWHERE = (
    *("http", "https", "ftp", "sftp", "ssh", "scp", "smb", "file", "hf"),
    *("s3", "s3a", "s3n", "gs", "gcs", "az", "abfs", "abfss", "adl", "wasb", "wasbs", "oss", "hdfs", "webhdfs", "dbfs"),
)


def is_database(path: str) -> bool:
    """Whether a path is the address of a database, or names a variable that holds one."""
    return "://" in path or path.startswith(VARIABLE)


def check_is_here(path: str, option: str) -> None:
    """InputError for the address of a file that is not on this machine.

    To be asked of what a person typed: as a path of a file, an address is another text.

    Args:
        path: as it was typed.
        option: what names it, for the message.
    """
    scheme = path.partition("://")[0].lower()
    if scheme != path.lower() and scheme in ELSEWHERE:
        raise InputError(
            f"{option} is at {scheme}://: expected a file on this machine; fetch it, and name what was fetched"
        )


def check_is_file(path: str, option: str) -> None:
    """InputError for an address, also of a database, where no query goes with it; arguments as above."""
    check_is_here(path, option)
    if is_database(path):
        raise InputError(
            f"{option} is a database: expected a file; save the rows that are wanted as .parquet, which keeps their "
            "types"
        )
