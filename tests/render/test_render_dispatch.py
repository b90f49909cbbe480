"""The dispatch partial, imported as Python, on numbers worked by hand."""

import pytest
import torch
from host_reads import HostReads
from render_samples import partial

dispatch = partial("_dispatch")


class Spy:
    """An expert that adds its number to its input, and remembers how many images it was given."""

    def __init__(self, number: float) -> None:
        self.number = number
        self.seen: list[int] = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(x))
        return x + self.number


class TestChoose:
    PROBS = torch.tensor([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])

    def test_top_1(self) -> None:
        weights, chosen = dispatch.choose(self.PROBS, 1)
        assert chosen.tolist() == [[1], [0]]
        assert weights.tolist() == [[1.0], [1.0]]

    def test_top_2_is_renormalised(self) -> None:
        weights, chosen = dispatch.choose(self.PROBS, 2)
        # Row 0: 0.6 and 0.3 of 0.9. Row 1: 0.5 and 0.25 of 0.75; of equals expert 1 comes first.
        assert chosen.tolist() == [[1, 2], [0, 1]]
        expected = torch.tensor([[2 / 3, 1 / 3], [2 / 3, 1 / 3]])
        torch.testing.assert_close(weights, expected)

    def test_equal_probabilities_choose_the_first_every_time(self) -> None:
        _, chosen = dispatch.choose(torch.full((64, 5), 0.2), 2)
        assert chosen.tolist() == [[0, 1]] * 64

    def test_top_1_has_a_gradient(self) -> None:
        probs = torch.tensor([[0.2, 0.8]], requires_grad=True)
        weights, _ = dispatch.choose(probs, 1)
        weights.sum().backward()
        # d(p / stopgrad(p)) / dp = 1 / 0.8 for the chosen expert, nothing for the other.
        assert probs.grad is not None
        torch.testing.assert_close(probs.grad, torch.tensor([[0.0, 1.25]]))


class TestDispatch:
    def test_top_1_scatters_back(self) -> None:
        experts = [Spy(10), Spy(20), Spy(30)]
        x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
        chosen = torch.tensor([[2], [0], [2], [0]])
        out = dispatch.dispatch(experts, x, torch.ones(4, 1), chosen)
        # Images 2 and 4 go to expert 0, images 1 and 3 to expert 2, none to expert 1.
        assert out.tolist() == [[31.0], [12.0], [33.0], [14.0]]
        assert [expert.seen for expert in experts] == [[2], [], [2]]

    def test_top_2_sums_by_weight(self) -> None:
        experts = [Spy(0), Spy(10), Spy(100)]
        x = torch.tensor([[1.0], [2.0]])
        chosen = torch.tensor([[2, 0], [1, 2]])
        weights = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
        out = dispatch.dispatch(experts, x, weights, chosen)
        # 0.75·(1+100) + 0.25·(1+0) = 76; 0.5·(2+10) + 0.5·(2+100) = 57.
        assert out.tolist() == [[76.0], [57.0]]
        assert [expert.seen for expert in experts] == [[1], [1], [2]]

    @pytest.mark.parametrize("k", [1, 2, 3])
    def test_equals_running_all_experts_with_masked_weights(self, k: int) -> None:
        generator = torch.Generator().manual_seed(k)
        experts = [torch.nn.Linear(6, 4) for _ in range(3)]
        x = torch.randn(17, 6, generator=generator)
        probs = torch.randn(17, 3, generator=generator).softmax(1)
        weights, chosen = dispatch.choose(probs, k)
        masked = torch.zeros_like(probs).scatter(1, chosen, weights)
        everything = torch.stack([expert(x) for expert in experts], dim=1)
        expected = (masked.unsqueeze(2) * everything).sum(1)
        torch.testing.assert_close(dispatch.dispatch(experts, x, weights, chosen), expected)

    @pytest.mark.parametrize("k", [1, 2])
    def test_a_gpu_is_waited_for_once(self, k: int) -> None:
        experts = [torch.nn.Linear(6, 4) for _ in range(3)]
        x, probs = torch.randn(17, 6), torch.randn(17, 3).softmax(1)
        with HostReads() as reads, torch.no_grad():
            weights, chosen = dispatch.choose(probs, k)
            dispatch.dispatch(experts, x, weights, chosen)
        assert reads.seen == ["tolist"]

    def test_keeps_channels_last(self) -> None:
        layouts = []

        def expert(x: torch.Tensor) -> torch.Tensor:
            layouts.append(x.is_contiguous(memory_format=torch.channels_last))
            return x.mean((2, 3))

        x = torch.randn(4, 3, 8, 8).to(memory_format=torch.channels_last)
        chosen = torch.tensor([[1], [0], [1], [0]])
        dispatch.dispatch([expert, expert], x, torch.ones(4, 1), chosen)
        assert layouts == [True, True]
