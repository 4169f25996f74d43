"""Figures draw what they are given, in all languages."""

import io
from contextlib import nullcontext
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.font_manager import fontManager

from mtl.picture import FONTS, Picture, installed_fonts


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_letters_that_no_font_has_are_one_warning_at_most(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtl.picture.installed_fonts", tuple)
    figure = Picture(layout="constrained")
    axes = figure.add_subplot()
    axes.set_title("流失 ༒")
    axes.plot([0, 1], label="消费金额")
    axes.legend()
    out = io.BytesIO()
    figure.draw_without_rendering()  # for the layout alone
    with pytest.warns(match="Chinese letters are boxes in pictures") if ending == "png" else nullcontext() as warned:
        figure.savefig(out, format=ending, bbox_inches="tight")
    assert out.getvalue()
    assert warned is None or all("Glyph" not in str(one.message) for one in warned)


def test_a_font_that_was_installed_after_matplotlib_listed_all_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_text("no font")
    new = [font for font in fontManager.ttflist if font.name == "DejaVu Serif"]
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font not in new])
    monkeypatch.setattr("mtl.picture.FONTS", ("DejaVu Serif",))
    monkeypatch.setattr("mtl.picture.findSystemFonts", lambda: [str(broken), *(font.fname for font in new)])
    assert installed_fonts.__wrapped__() == ("DejaVu Serif",)


def test_texts_have_the_fonts_of_the_machine_after_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(installed_fonts()) <= set(FONTS)
    monkeypatch.setattr("mtl.picture.installed_fonts", lambda: ("Noto Sans CJK SC",))
    with mpl.rc_context({"font.family": ["serif"]}):
        title = Picture().add_subplot().set_title("流失")
    assert title.get_fontfamily() == ["serif", "Noto Sans CJK SC"]
