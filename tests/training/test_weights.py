from __future__ import annotations

from typing import Any

import pytest
from models import Module, Parameter, of_class

from envcheck.training.processes import anywhere, averaged, is_first
from envcheck.training.weights import Weights, weights

NAN, INF = float("nan"), float("inf")


class Odd(Parameter):
    def isfinite(self) -> Any:
        raise NotImplementedError("no kernel for this type")


def test_weights_that_are_no_numbers_are_named() -> None:
    model = Module({"a": Parameter([1, 2]), "b": Parameter([1, NAN]), "c": Parameter([-INF])})

    found = weights(model)

    assert found == Weights(3, ("b", "c"), 0)
    assert str(found) == "2 of 3 parameters are not finite."


@pytest.mark.parametrize(
    "parameter",
    [
        pytest.param(Parameter([]), id="all of it is elsewhere"),
        pytest.param(Parameter(is_meta=True), id="no data"),
        pytest.param(Odd([1]), id="a type that can't be asked"),
    ],
)
def test_what_cannot_be_looked_at_is_counted(parameter: Parameter) -> None:
    assert weights(Module({"a": parameter, "b": Parameter()})) == Weights(1, (), 1)
    assert str(weights(Module({"a": parameter}))) == "No parameter could be looked at."


def test_of_a_sharded_parameter_the_share_of_this_process_counts() -> None:
    three = Parameter([], ds_tensor=Parameter([NAN]))
    fully = Parameter([1], to_local=lambda: Parameter([INF]))

    found = weights(Module({"three": three, "fully": fully}))

    assert found.bad == ("three", "fully")


def test_it_looks_through_wrappers() -> None:
    wrapper = of_class("DistributedDataParallel", base=object)()
    wrapper.module = Module({"a": Parameter([NAN])})

    assert weights(wrapper).bad == ("a",)


@pytest.mark.parametrize("flag", [True, False])
def test_a_process_alone_agrees_with_itself(*, flag: bool) -> None:
    assert anywhere(flag, Module()) is flag
    assert is_first()


def test_the_mean_of_a_process_alone_is_its_own_record() -> None:
    logs = {"loss": "2.5", "grad_norm": None}

    assert averaged(logs, None) is logs
