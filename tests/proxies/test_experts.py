import pytest
import torch
from torch import Tensor
from torch.nn import functional

from proxies import experts
from proxies.experts import Experts
from proxies.model import Transformer
from tests.proxies.tiny import SPARSE


@pytest.fixture
def layer() -> Experts:
    torch.manual_seed(0)
    found = Transformer(SPARSE).blocks[1].mlp
    assert isinstance(found, Experts)
    return found


def looped(layer: Experts, x: Tensor) -> Tensor:
    """The same layer, expert by expert and token by token."""
    rows = []
    for token in x.flatten(0, 1):
        scores = (layer.router.weight @ token).sigmoid()
        chosen = (scores + layer.bias).topk(layer.top_k).indices
        total = layer.shared(token)
        for expert in chosen:
            gate, value = (token @ layer.up[expert]).chunk(2)
            out = (functional.silu(gate) * value) @ layer.down[expert]
            total = total + scores[expert] / scores[chosen].sum() * out
        rows.append(total)
    return torch.stack(rows).view(x.shape)


def test_outputs_and_gradients_equal_those_of_a_loop_over_experts(layer: Experts) -> None:
    with torch.no_grad():
        layer.bias.copy_(torch.linspace(-0.2, 0.2, 8))
    x = torch.randn(2, 9, 16, requires_grad=True)
    weights = torch.randn(2, 9, 16)
    names = ["x", *(name for name, _ in layer.named_parameters())]
    inputs = [x, *layer.parameters()]
    found, expected = (
        torch.autograd.grad((out * weights).sum(), inputs) for out in (layer(x), looped(layer, x))
    )
    # float32 sums of some dozens of products of order 1, in another order.
    assert torch.allclose(layer(x), looped(layer, x), atol=1e-5)
    for name, one, other in zip(names, found, expected, strict=True):
        assert torch.allclose(one, other, atol=2e-4), name


def test_experts_without_tokens_have_no_gradient(layer: Experts) -> None:
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([1.0, 1, 1, 0, 0, 0, 0, 0]) * 10)
    layer(torch.randn(1, 5, 16)).square().sum().backward()
    assert layer.up.grad is not None
    assert (layer.up.grad[:3].abs().sum(dim=(1, 2)) > 0).all()
    assert (layer.up.grad[3:] == 0).all()
    assert layer.load.tolist() == [5, 5, 5, 0, 0, 0, 0, 0]


def test_gates_do_not_see_the_bias(layer: Experts) -> None:
    x = torch.randn(6, 16)
    chosen, gates = layer.route(x)
    with torch.no_grad():
        layer.bias += 3.0
    again, same = layer.route(x)
    assert torch.equal(chosen, again)
    assert torch.equal(gates, same)
    assert torch.allclose(gates.sum(dim=1), torch.ones(6))


def test_routing_is_in_float32_under_autocast(layer: Experts) -> None:
    x = torch.randn(6, 16)
    with torch.autocast("cpu", torch.bfloat16):
        _, gates = layer.route(x)
        out = layer(x[None])
    assert gates.dtype == torch.float32
    assert torch.equal(gates, layer.route(x)[1])
    # bfloat16 keeps 8 bits; outputs are sums of terms of order 1.
    assert torch.allclose(out.float(), layer(x[None]), atol=0.1)


def test_balancing_evens_out_a_lopsided_router(layer: Experts) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        layer.router.weight.zero_()
        layer.router.weight[:, 0] = torch.linspace(-1, 1, 8)  # the first channel decides
    x = torch.rand(1, 64, 16) + 0.1

    def max_over_mean() -> float:
        with torch.no_grad():
            layer(x)
        return experts.load_summary(experts.balance([layer], 0.0))["max_over_mean"]

    assert max_over_mean() == pytest.approx(8 / 3)  # three experts take all
    for _ in range(300):
        with torch.no_grad():
            layer(x)
        experts.balance([layer], experts.balance_rate(1000))
    # 64 tokens step from expert to expert, one or two at a time.
    assert max_over_mean() < 1.6
    assert float(layer.bias.mean()) == pytest.approx(0, abs=1e-6)


def test_load_summary_by_hand() -> None:
    loads = torch.tensor([[10.0, 10, 10, 10], [40.0, 0, 0, 0]])
    assert experts.load_summary(loads) == {"max_over_mean": 4.0, "dead_share": 3 / 8}


def test_balance_rate_is_tied_to_the_steps() -> None:
    assert experts.balance_rate(1000) == pytest.approx(1e-2)
    assert experts.balance_rate(10_000) == pytest.approx(1e-3)
    assert experts.balance_rate(10) == experts.FASTEST_BALANCE


def test_evaluation_does_not_count_loads(layer: Experts) -> None:
    layer.eval()
    layer(torch.randn(1, 5, 16))
    assert float(layer.load.sum()) == 0
