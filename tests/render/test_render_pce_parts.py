"""The parts of the network of convolutional experts, on numbers worked by hand."""

from typing import Any

import pytest
import torch
from render_samples import partial
from torch import nn

patches = partial("_patches")
experts = partial("_conv_experts")
router = partial("_full_precision", "_patch_router")
capacity = partial("_capacity")


class TestPatches:
    def test_they_come_row_by_row(self) -> None:
        x = torch.arange(16).view(1, 1, 4, 4)
        tokens = patches.unfold(x, 2)
        assert tokens.shape == (4, 1, 2, 2)
        assert tokens[1, 0].tolist() == [[2, 3], [6, 7]]
        assert tokens[2, 0].tolist() == [[8, 9], [12, 13]]

    @pytest.mark.parametrize(("height", "width", "patch"), [(4, 4, 2), (6, 12, 3), (14, 7, 7)])
    @pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
    def test_fold_undoes_unfold_bit_for_bit(
        self, height: int, width: int, patch: int, layout: torch.memory_format
    ) -> None:
        x = torch.randn(3, 5, height, width).to(memory_format=layout)
        assert torch.equal(patches.fold(patches.unfold(x, patch), height, width), x)

    def test_positions(self) -> None:
        positions = patches.fourier_positions(3)
        assert positions.shape == (9, 18)
        # The second patch of the first row: x = 1/2, y = 0. sin(π·2^k/2) = 1, 0, 0, 0 and
        # cos = 0, −1, 1, 1 for x; sin = 0 and cos = 1 for y.
        expected = [0.5, 0.0, 1, 0, 0, 0, 0, -1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]
        torch.testing.assert_close(positions[1], torch.tensor(expected), rtol=0, atol=1e-6)
        assert positions[:, :2].tolist()[-2:] == [[0.5, 1.0], [1.0, 1.0]]


class TestConvExperts:
    @pytest.mark.parametrize(
        ("channels", "groups"), [(8, 8), (64, 8), (512, 8), (12, 4), (20, 4), (9, 1)]
    )
    def test_norm_groups(self, channels: int, groups: int) -> None:
        assert experts.norm_groups(channels) == groups

    @pytest.mark.parametrize("kernel", [1, 3])
    @pytest.mark.parametrize("channels", [8, 12])
    def test_each_is_a_network_of_its_own(self, kernel: int, channels: int) -> None:
        torch.manual_seed(0)
        layer = experts.ConvExperts(channels, 3, kernel).double()
        for norm in (layer.first_norm, layer.second_norm):
            nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
        tokens = torch.randn(5, 3 * channels, 4, 4, dtype=torch.float64)
        together = layer(tokens)
        groups = experts.norm_groups(channels)
        for expert in range(3):
            rows = slice(expert * channels, (expert + 1) * channels)
            plain = nn.Sequential(
                nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False),
                nn.GroupNorm(groups, channels),
                nn.SiLU(),
                nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False),
                nn.GroupNorm(groups, channels),
            ).double()
            own = layer.state_dict().values()
            plain.load_state_dict(
                {name: w[rows] for name, w in zip(plain.state_dict(), own, strict=True)}
            )
            expected = tokens[:, rows] + plain(tokens[:, rows])
            torch.testing.assert_close(together[:, rows], expected, rtol=0, atol=1e-12)
            one = layer.alone(tokens)[expert]()
            torch.testing.assert_close(one, expected, rtol=0, atol=1e-12)

    def test_parameters_have_at_most_four_dimensions(self) -> None:
        layer = experts.ConvExperts(8, 4, 3)
        assert layer.first.weight.shape == (32, 8, 3, 3)
        layer.to(memory_format=torch.channels_last)  # refuses a fifth dimension


class TestPatchRouter:
    @pytest.fixture
    def gate(self) -> Any:
        torch.manual_seed(0)
        return router.PatchRouter(8, 3, patches.fourier_positions(2)).eval()

    def test_sees_mean_and_maximum_with_the_position(self, gate: Any) -> None:
        seen: list[torch.Tensor] = []
        gate.norm.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        tokens = torch.randn(8, 8, 4, 4)
        assert gate(tokens).shape == (8, 3)
        where = patches.fourier_positions(2).repeat(2, 1)  # two images of four patches
        mean, peak = tokens.mean((2, 3)), tokens.amax((2, 3))
        assert torch.equal(seen[0], torch.cat([mean, where, peak, where], dim=1))

    def test_logits_are_centred_over_temperature_and_clamped(self, gate: Any) -> None:
        with torch.no_grad():
            gate.score.weight.zero_()
            gate.score.bias.copy_(torch.tensor([1.0, 2.0, 6.0]))
        tokens = torch.randn(4, 8, 2, 2)
        # Their mean is 3; the temperature is 2 at first.
        assert gate(tokens).tolist() == [[-1.0, -0.5, 1.5]] * 4
        gate.temperature.fill_(0.1)
        assert gate(tokens).tolist() == [[-10.0, -10.0, 10.0]] * 4

    def test_noise_is_uniform_and_in_training_alone(self, gate: Any) -> None:
        tokens = torch.randn(4000, 8, 2, 2)
        gate.noise.fill_(0.5)
        clean = gate(tokens)
        assert torch.equal(gate(tokens), clean)
        noise = (gate.train()(tokens) - clean).detach()
        assert noise.min() > -1e-6
        assert noise.max() < 0.5 + 1e-6
        assert float(noise.mean()) == pytest.approx(0.25, abs=0.01)
        assert float(noise.std()) == pytest.approx(0.5 / 12**0.5, abs=0.01)

    def test_the_most_probable_expert_with_weight_one_and_a_gradient(self, gate: Any) -> None:
        rows = [[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]]
        probs = torch.tensor(rows, requires_grad=True)
        expert, best = gate.choose(probs)
        assert expert.tolist() == [1, 0, 2, 2]  # of equals the first
        assert torch.equal(best, torch.tensor([0.5, 0.4, 0.8, 0.4]))
        weight = router.unit_weight(best)
        assert weight.tolist() == [1.0] * 4
        weight.sum().backward()
        # d(p / stopgrad(p)) / dp = 1/p for the chosen expert.
        expected = torch.tensor([[0, 2.0, 0], [2.5, 0, 0], [0, 0, 1.25], [0, 0, 2.5]])
        torch.testing.assert_close(probs.grad, expected)

    @pytest.mark.parametrize(
        ("training", "expected"),
        [
            (True, [0, 1, 2, 0, 1, 2, 0, 1]),  # token i goes to i mod 3
            (False, [0, 1, 2, 0, 0, 1, 2, 0]),  # the same for every image of four tokens
        ],
    )
    def test_round_robin(self, gate: Any, training: bool, expected: list[int]) -> None:
        gate.train(training).round_robin.fill_(1.0)
        probs = torch.randn(8, 3, requires_grad=True)
        expert, best = gate.choose(probs.softmax(1))
        assert expert.tolist() == expected
        assert best.tolist() == [1.0] * 8
        # As large as the weights after it, so that outputs do not jump.
        weight = router.unit_weight(best)
        assert weight.tolist() == [1.0] * 8
        weight.sum().backward()
        assert probs.grad is not None
        assert not probs.grad.any()

    def test_autocast_does_not_round_logits(self, gate: Any) -> None:
        tokens = torch.randn(64, 8, 4, 4)
        with torch.autocast("cpu", torch.bfloat16):
            cast = gate(tokens)
        assert cast.dtype == torch.float32
        assert torch.equal(cast, gate(tokens))


class TestCapacity:
    @pytest.mark.parametrize(
        ("tokens", "experts", "factor", "places"),
        [
            (49, 4, 2.0, 25),  # 24.5
            (49, 16, 2.0, 7),  # 6.125
            (16, 4, 1.0, 4),
            (49, 2, 4.0, 49),  # 98, but there are 49 tokens
            (4, 64, 1.0, 1),
        ],
    )
    def test_places(self, tokens: int, experts: int, factor: float, places: int) -> None:
        assert capacity.capacity(tokens, experts, factor) == places

    # Two groups of four tokens, experts 0 and 1.
    EXPERT = torch.tensor([0, 0, 1, 0, 1, 1, 1, 1])
    PROBS = torch.tensor([0.6, 0.9, 0.7, 0.8, 0.6, 0.8, 0.8, 0.7])

    @staticmethod
    def kept_in(slots: torch.Tensor, used: torch.Tensor, tokens: int) -> list[bool]:
        """Whether each token has a slot."""
        return [n in slots[used] for n in range(tokens)]

    def test_the_most_probable_take_the_places(self) -> None:
        chosen = self.EXPERT.unsqueeze(1) == torch.arange(2)
        slots, used = capacity.fill(chosen, self.PROBS, groups=2, places=2)
        # Expert 0 of the first group keeps tokens 1 and 3 (.9, .8), in places 0 and 1, and drops
        # token 0. Expert 1 of the second keeps tokens 5 and 6 (.8, .8), drops 4 and 7.
        assert self.kept_in(slots, used, 8) == [False, True, True, True, False, True, True, False]
        # Rows: places 0 and 1 of the first group, then of the second. Columns: experts.
        assert used.tolist() == [[True, True], [True, False], [False, True], [False, True]]
        assert slots[:2, 0].tolist() == [1, 3]
        assert slots[0, 1] == 2
        assert slots[2:, 1].tolist() == [5, 6]
        # Unused slots hold tokens of their own group.
        assert slots[1, 1] < 4
        assert slots[2:, 0].min() >= 4

    def test_one_group_is_the_whole_batch(self) -> None:
        chosen = self.EXPERT.unsqueeze(1) == torch.arange(2)
        slots, used = capacity.fill(chosen, self.PROBS, groups=1, places=4)
        # Expert 1: tokens 5, 6 (.8), 2, 7 (.7); token 4 (.6) is the fifth.
        assert self.kept_in(slots, used, 8) == [True, True, True, True, False, True, True, True]
        assert slots[:, 1].tolist() == [5, 6, 2, 7]
        assert slots[:3, 0].tolist() == [1, 3, 0]
        assert used.tolist() == [[True, True]] * 3 + [[False, True]]

    def test_equals_are_dropped_alike_every_time(self) -> None:
        chosen = torch.zeros(64, dtype=torch.long).unsqueeze(1) == torch.arange(3)
        for _ in range(5):
            slots, used = capacity.fill(chosen, torch.full((64,), 1 / 3), groups=2, places=5)
            assert slots[:, 0].tolist() == [0, 1, 2, 3, 4, 32, 33, 34, 35, 36]
            assert used.tolist() == [[True, False, False]] * 10

    @pytest.mark.parametrize("groups", [1, 6])
    @pytest.mark.parametrize("experts", [2, 16])
    @pytest.mark.parametrize("factor", [1.0, 2.0])
    def test_rules_of_capacity(self, groups: int, experts: int, factor: float) -> None:
        generator = torch.Generator().manual_seed(experts)
        tokens = 6 * 49 // groups
        logits = torch.randn(6 * 49, experts, generator=generator)
        logits[:, 0] += 1
        probs, expert = logits.softmax(1).max(1)
        chosen = expert.unsqueeze(1) == torch.arange(experts)
        places = capacity.capacity(tokens, experts, factor)
        slots, used = capacity.fill(chosen, probs, groups, places)
        assert slots.shape == used.shape == (groups * places, experts)

        held = slots[used]
        assert len(held.unique()) == len(held), "no two slots hold the same token"
        row, column = used.nonzero(as_tuple=True)
        assert torch.equal(column, expert[held])
        assert torch.equal(row // places, held // tokens)
        in_row = slots // tokens == torch.arange(groups * places).unsqueeze(1) // places
        assert in_row.all(), "unused slots too hold tokens of their group"
        kept = torch.zeros_like(chosen)
        kept[held, column] = True
        for group in range(groups):
            rows = slice(group * tokens, (group + 1) * tokens)
            assert kept[rows].sum(0).max() <= places
            for e in range(experts):
                had = probs[rows][kept[rows, e]]
                lost = probs[rows][(chosen & ~kept)[rows, e]]
                assert len(lost) == 0 or (len(had) == places and had.min() >= lost.max())
        # The share of slots in use is (1 − dropped)/factor, within the rounding up of one place.
        ratio = len(held) / used.numel()
        assert abs(ratio - len(held) / (6 * 49) / factor) <= 1 / places

    def test_run_in_slots(self) -> None:
        def add(buffer: torch.Tensor) -> torch.Tensor:
            assert buffer.shape == (2, 6, 1, 1)  # two places, two experts of three channels
            return buffer + torch.tensor([10.0] * 3 + [20.0] * 3).view(1, 6, 1, 1)

        tokens = torch.arange(9.0).view(3, 3, 1, 1)
        # Token 0 is in place 1 of expert 1, token 2 in place 0 of expert 0; token 1 is dropped,
        # though it is in a slot that is not used.
        slots = torch.tensor([[2, 1], [0, 0]])
        used = torch.tensor([[True, False], [False, True]])
        results = capacity.run_in_slots(add, tokens, slots, used)
        assert results[:, :, 0, 0].tolist() == [[20, 21, 22], [0, 0, 0], [16, 17, 18]]
