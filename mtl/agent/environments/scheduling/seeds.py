"""Seeds of environments: which numbers they may be."""

from mtl.errors import InputError

LARGEST_SEED = 2**31 - 1  # that CP-SAT takes


def check_seed(name: str, seed: int) -> int:
    """The same seed. InputError naming the option if a generator or solver would not take it."""
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"{name}={seed}: expected a whole number, 0 to {LARGEST_SEED}")
    return seed
