"""Figures draw what they are given, in all languages."""

import io

import matplotlib as mpl
import pytest

from mtl.picture import FONTS, Picture, installed_fonts


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_letters_that_no_font_has_are_no_warning(ending: str) -> None:
    figure = Picture(layout="constrained")
    axes = figure.add_subplot()
    axes.set_title("流失 ༒")
    axes.plot([0, 1], label="消费金额")
    axes.legend()
    out = io.BytesIO()
    figure.savefig(out, format=ending, bbox_inches="tight")
    assert out.getvalue()


def test_texts_have_the_fonts_of_the_machine_after_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(installed_fonts()) <= set(FONTS)
    monkeypatch.setattr("mtl.picture.installed_fonts", lambda: ("Noto Sans CJK SC",))
    with mpl.rc_context({"font.family": ["serif"]}):
        title = Picture().add_subplot().set_title("流失")
    assert title.get_fontfamily() == ["serif", "Noto Sans CJK SC"]
