"""What is typed as for other frameworks that wrap Lightning is answered with the key that it has here."""

import pytest

from mtl.config.compose import check_overrides
from mtl.errors import InputError


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("trainer=gpu", "unknown key 'trainer': arguments of the trainer are in the group hardware: hardware=gpu"),
        ("trainer.max_epochs=3", "unknown key 'trainer.max_epochs': use epochs=3"),
        ("+trainer.gradient_clip_val=0.5", "unknown key 'trainer.gradient_clip_val': use gradient_clip=0.5"),
        ("trainer.callbacks=null", "unknown key 'trainer.callbacks': use callbacks=ema, or +callbacks.<name>._"),
        ("trainer.barebones=true", "unknown key 'trainer.barebones': no other value is possible"),
        (
            "+trainer.max_time=00:00:01:00",
            "unknown key 'trainer.max_time': use hardware.max_time=00:00:01:00, with a +",
        ),
    ],
)
def test_arguments_of_the_trainer_are_answered_with_their_key(typed: str, answer: str) -> None:
    with pytest.raises(InputError) as error:
        check_overrides(["task=synthetic", typed], "config")
    assert str(error.value).startswith(answer)
