"""What is typed for a search for hyper-parameters: what it varies, and mistakes in one line."""

import pytest

from mtl.config.search_settings import read_search
from mtl.config.search_space import Choice, Range
from mtl.errors import InputError

SUITE = ("task=synthetic", "task.rows=60")


def test_keys_with_several_values_are_searched_and_the_others_are_of_every_trial() -> None:
    found = read_search(
        [
            *SUITE,
            "trials=7",
            "weighting=equal,pcgrad",
            "model.experts=range(2,9,3)",
            "optimizer.lr=tag(log,interval(1e-4,1e-1))",
            "batch_size=tag(log,int(interval(8,64)))",
        ]
    )
    assert found.settings.trials == 7
    assert found.fixed == list(SUITE)
    assert found.space == [
        Choice("weighting", ("equal", "pcgrad")),
        Range("model.experts", 2, 8, 3),
        Range("optimizer.lr", 1e-4, 1e-1, log=True),
        Range("batch_size", 8, 64, log=True),
    ]
    assert found.space[2].override(0.0123456) == "optimizer.lr=0.01235"  # type: ignore[arg-type]


def test_the_name_is_that_of_what_can_change_a_number() -> None:
    one, same, other = (
        read_search([*SUITE, "weighting=equal,pcgrad", *more]).name
        for more in ((), ("output=elsewhere", "trials=50", "threads=1"), ("epochs=3",))
    )
    assert one == same != other
    assert one.startswith("synthetic-")
    spelled = {
        read_search([*SUITE, "weighting=equal,pcgrad", *typed]).name
        for typed in (("optimizer.lr=1e-3", "encoder.dropout=0"), ("optimizer.lr=0.001", "encoder.dropout=0.0"))
    }
    assert len(spelled) == 1


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ([], "nothing to search: give a key several values"),
        (["seed=0,1"], "'seed=0,1': a search would find the luckiest seed"),
        (["auxiliary=null,[a]"], "'auxiliary=null,[a]': the score is of the tasks that count"),
        (["tasks=[a,b],[a]"], "'tasks=[a,b],[a]': the score is of the tasks that count"),
        (["threads=1,2"], "'threads=1,2': threads changes no number"),
        (["optimizer.lr=interval(0.1,0.01)"], "'optimizer.lr=interval(0.1,0.01)': expected a smaller"),
        (["optimizer.lr=tag(log,interval(0,1))"], "'optimizer.lr=tag(log,interval(0,1))': a logarithmic range"),
        (["model.experts=range(5,2)"], "'model.experts=range(5,2)': the range is empty"),
        (["weighting=equal,equal"], "'weighting=equal,equal': expected at least two values, each once"),
        (["optimizer.lr=1,1.0"], "'optimizer.lr=1,1.0': expected at least two values, each once"),
        (["model=hard,gated", "model=soft"], "model is searched and given once more: expected it once"),
        (["weighting=glob(*)"], "'weighting=glob(*)': expected the options one by one"),
        (["weighting=equal,pcgrud"], "unknown option of weighting 'pcgrud': did you mean 'pcgrad'?"),
        (["optimizer.rate=interval(0,1)"], "unknown key 'optimizer.rate'"),
        (["batch_size=interval(8,64)"], "batch_size=8.0: expected a whole number, 1 or more; whole numbers"),
        (["optimizer.lr=0.1,x"], "optimizer.lr=x: expected a number"),
        (["weighting=equal,pcgrad", "trials=0"], "trials=0: expected a whole number, 1 or more"),
        (["weighting=equal,pcgrad", "pruner=hyper"], "pruner=hyper: expected median, halving or none"),
        (["weighting=equal,pcgrad", "storage=search.db"], "storage=search.db: expected an address such as sqlite:///"),
        (["weighting=equal,pcgrad", "trials=5,6"], "'trials=5,6': a setting has one value"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(typed: list[str], complaint: str) -> None:
    with pytest.raises(InputError) as error:
        read_search([*SUITE, *typed])
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)
