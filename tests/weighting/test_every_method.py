"""What every method found in conf/weighting has to do, whatever it is."""

from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.testing import weightings as checks
from mtl.testing.problem import Problem, flat
from mtl.testing.weightings import DEGENERATE, WEIGHTING_CHECKS, degenerate
from tests.weighting.problems import METHODS, NORMALISATIONS, PLACED, PLACES, VARIANTS, label, make, maker

every_method = pytest.mark.parametrize("name", METHODS)
every_variant = pytest.mark.parametrize(("name", "changed"), VARIANTS, ids=map(label, VARIANTS))

# Checks that no option of a method bears on
OF_METHODS = (
    checks.finite_at_every_scale,
    checks.order_of_the_tasks_does_not_matter,
    checks.reported_weights_are_those_of_the_update,
    checks.backward_adds_to_gradients,
    checks.parameters_with_one_gradient_do_not_share_it,
    checks.touches_no_other_parameter,
    checks.state_survives_gradients_that_overflow,
    checks.three_lines_in_any_loop,
    checks.wrong_number_of_losses,
)


OF_VARIANTS = tuple(one for one in WEIGHTING_CHECKS if one not in OF_METHODS)


@every_variant
def test_every_variant(name: str, changed: dict[str, Any]) -> None:
    """What users' own weightings are tested by, too."""
    for check in OF_VARIANTS:
        torch.default_generator.manual_seed(0)
        check(maker(name, changed))


@every_method
def test_every_method(name: str) -> None:
    for check in OF_METHODS:
        torch.default_generator.manual_seed(0)
        check(maker(name, {}))


@every_method
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_reported_weights_are_those_of_the_update_behind_normalisation(name: str, normalise: str) -> None:
    checks.reported_weights_are_those_of_the_update(maker(name, {"normalise": normalise}))


@pytest.mark.parametrize(("case", "rank"), DEGENERATE.items())
def test_degenerate_problems_are_so(case: str, rank: int) -> None:
    """Rank of the task gradients."""
    rows, _ = degenerate(case).gradients()
    assert int(torch.linalg.matrix_rank(rows, atol=1e-5)) == rank
    if case == "opposed":
        torch.testing.assert_close(rows[0], -rows[1], rtol=1e-4, atol=1e-6)


@every_method
def test_wrong_options(name: str) -> None:
    """Nearest names are offered."""
    with pytest.raises(InputError, match="loss_scale"):
        make(name, 2, normalise="loss_scal")
    if name in PLACED:
        with pytest.raises(InputError, match="representation"):
            make(name, 2, at="representatio")
    with pytest.raises(InputError, match="num_tasks"):
        make(name, 0)


@pytest.mark.parametrize("name", PLACED)
def test_places_give_the_update_of_their_gramian(name: str) -> None:
    """Wherever gradients are compared, the update is the weighted sum of the full gradients."""
    for at in PLACES:
        problem = Problem(3, [1.0, 2.0, 0.5])
        weighting = make(name, 3, at=at)
        gradients, private_gradients = problem.gradients()
        losses, h = problem.forward()
        place = {
            "parameters": problem.shared,
            "last_shared": list(problem.trunk[2].parameters()),
            "representation": [h],
        }
        rows = torch.stack([flat(torch.autograd.grad(loss, place[at], retain_graph=True)) for loss in losses])
        weights = problem.backward(weighting)
        assert weighting.gramian is not None
        torch.testing.assert_close(weighting.gramian, rows @ rows.T, rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(problem.update(), weights @ gradients, rtol=1e-4, atol=1e-5)
        if not weighting.weights_private:
            for i in range(3):
                torch.testing.assert_close(problem.private_update(i), private_gradients[i], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", PLACED)
def test_representation_is_found(name: str) -> None:
    """The last shared tensor need not be named, also where the losses come as a vector."""
    given, found, stacked = Problem(2), Problem(2), Problem(2)
    given.backward(make(name, 2, at="representation"))
    for problem, as_vector in ((found, False), (stacked, True)):
        losses, _ = problem.forward()
        weighting = make(name, 2, at="representation")
        weighting.backward(torch.stack(losses) if as_vector else losses, problem.shared, problem.private)
        torch.testing.assert_close(problem.update(), given.update())
        torch.testing.assert_close(problem.private_update(1), given.private_update(1))


@every_method
def test_losses_of_unlike_size_are_normalised(name: str) -> None:
    """With losses divided by their first value, units do not matter: the parameters go the same way."""
    one, two = Problem(3, [1.0, 1.0, 1.0]), Problem(3, [1e-3, 1.0, 1e4])
    first, second = make(name, 3, normalise="loss_scale"), make(name, 3, normalise="loss_scale")
    one.train(first, 3, lr=0.05)
    two.train(second, 3, lr=0.05)
    torch.testing.assert_close(flat(two.parameters), flat(one.parameters), rtol=5e-3, atol=5e-4)


@every_method
def test_the_state_of_another_number_of_tasks_is_refused_where_it_has_anything_of_a_task(name: str) -> None:
    """What is loaded all the same says only from which seed and step on random numbers are drawn."""
    three, two = make(name, 3), make(name, 2)
    Problem(3, [1, 3, 0.5]).train(three, 3)
    saved = three.state_dict()
    try:
        two.load_state_dict(saved)
    except RuntimeError:
        return
    assert set(saved) <= {"draws.state"}
