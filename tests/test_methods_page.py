"""The page that says which weighting is tested for what."""

from docs.write_methods import PAGE, page


def test_the_page_of_methods_is_that_of_the_tests() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m docs.write_methods"
