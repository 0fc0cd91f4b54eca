"""A bidirectional LSTM that trains in mixed precision on a CPU, with the weights of torch's LSTM.

torch's CPU kernels are no faster in bfloat16 than in float32. Here both directions take each step in one batched
product. Whatever does not depend on the previous step (the products of the inputs, the slopes of all gates, the
gradients of the weights) is computed for all steps at once. Products are in bfloat16, states in float32.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["BidirectionalLSTM"]


class BidirectionalLSTM(nn.LSTM):
    """A bidirectional :class:`torch.nn.LSTM` that starts from zeros and returns only its output.

    Args:
        channels: Channels of the input; the output of both directions has twice as many.
        layers: Number of layers.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__(channels, channels, num_layers=layers, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Map ``(steps, batch, channels)`` to ``(steps, batch, 2 * channels)``."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)[0]
        dtype = torch.get_autocast_dtype("cpu")
        for layer in range(self.num_layers):
            weight, recurrent, *biases = (
                torch.stack([getattr(self, f"{name}_l{layer}"), getattr(self, f"{name}_l{layer}_reverse")])
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            operands = [value.to(dtype) for value in (x, weight, recurrent, biases[0] + biases[1])]
            x = cast(Tensor, _Layer.apply(*operands))  # type: ignore[no-untyped-call]
        return x


class _Layer(torch.autograd.Function):
    """``x (steps, batch, inputs)`` to ``(steps, batch, 2 * cells)``.

    Internally a step is ``(direction, cells, batch)``, so that the weights are the left operand of every product, which
    needs no copy.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, recurrent: Tensor, bias: Tensor) -> Tensor:
        steps, batch, _ = x.shape
        cells = recurrent.shape[2]
        inputs = torch.stack([x, x.flip(0)]).flatten(1, 2)
        gates = torch.baddbmm(bias[:, None], inputs, weight.transpose(1, 2))
        gates = gates.view(2, steps, batch, 4 * cells).permute(1, 0, 3, 2).float().contiguous()
        states, hidden = torch.empty(2, steps, 2, cells, batch)
        state, last = torch.zeros(2, 2, cells, batch)
        for gate, new_state, new_hidden in zip(gates, states, hidden, strict=True):
            gate += torch.bmm(recurrent, last.to(x.dtype))
            into, forget, cell, out = gate.chunk(4, 1)
            gate[:, : 2 * cells].sigmoid_()
            cell.tanh_()
            out.sigmoid_()
            torch.addcmul(forget * state, into, cell, out=new_state)
            torch.mul(new_state.tanh(), out, out=new_hidden)
            state, last = new_state, new_hidden
        ctx.save_for_backward(inputs, gates, states, hidden, weight, recurrent)
        ahead, back = hidden.to(x.dtype).permute(1, 0, 3, 2)
        return torch.cat([ahead, back.flip(0)], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        inputs, gates, states, hidden, weight, recurrent = ctx.saved_tensors
        steps, _, cells, batch = states.shape
        into, forget, cell, out = gates.chunk(4, 2)
        squashed = states.tanh()
        before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
        # factors from the gradient of the state, or of the output, to that of each gate's input
        state_slope = out * (1 - squashed * squashed)
        slopes = torch.stack([cell * into * (1 - into), before * forget * (1 - forget), into * (1 - cell * cell)], 2)
        out_slope = squashed * out * (1 - out)
        ahead, back = gradient.float().chunk(2, -1)
        outer = torch.stack([ahead, back.flip(0)], 1).transpose(2, 3).contiguous()

        of_gates = torch.empty(steps, 2, 4, cells, batch)
        of_state, of_hidden = torch.zeros(2, 2, cells, batch)
        turned = recurrent.transpose(1, 2).contiguous()
        for step in range(steps - 1, -1, -1):
            of_hidden = of_hidden + outer[step]
            of_state = torch.addcmul(of_state, of_hidden, state_slope[step])
            torch.mul(of_state.unsqueeze(1), slopes[step], out=of_gates[step, :, :3])
            torch.mul(of_hidden, out_slope[step], out=of_gates[step, :, 3])
            of_hidden = torch.bmm(turned, of_gates[step].flatten(1, 2).to(weight.dtype)).float()
            of_state = of_state * forget[step]

        rows = of_gates.flatten(2, 3).permute(1, 2, 0, 3).to(weight.dtype).flatten(2)  # (2, gates, steps * batch)
        previous = torch.cat([torch.zeros_like(hidden[:1]), hidden[:-1]]).permute(1, 0, 3, 2).to(weight.dtype)
        of_inputs = torch.bmm(rows.transpose(1, 2), weight).view(2, steps, batch, -1)
        return (
            of_inputs[0] + of_inputs[1].flip(0),
            torch.bmm(rows, inputs),
            torch.bmm(rows, previous.flatten(1, 2)),
            rows.sum(2),
        )
