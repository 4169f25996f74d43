"""Public data is played by the stand-ins of the suites' tests."""

from tests.suites.conftest import published

__all__ = ["published"]
