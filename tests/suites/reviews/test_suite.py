"""Reviews as words."""

import pandas as pd
import pytest

from mtl.suites.reviews import ReviewsSuite

pytestmark = pytest.mark.usefixtures("published")


@pytest.mark.parametrize("form", ["bag", "sequence"])
def test_texts_without_a_known_word_are_told(form: str) -> None:
    suite = ReviewsSuite(form)
    suite.setup("fit")
    assert suite.unfamiliar(pd.DataFrame({"text": ["I love it", "LOVE"]})) == []
    (line,) = suite.unfamiliar(pd.DataFrame({"text": ["I love it", None, "Kleid", 3.5]}))
    assert line.startswith("3 of 4 texts have no word that is known from training, such as that of row 2:")
