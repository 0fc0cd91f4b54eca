from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from partita.errors import DivergenceError
from partita.models.demucs import Demucs
from partita.training import guard
from partita.training.guard import DivergenceGuard
from tests.training.runs import train


def watch(losses, watcher=None):
    """Show a guard the losses of consecutive steps."""
    watcher = watcher or DivergenceGuard()
    trainer = SimpleNamespace(global_step=0, strategy=SimpleNamespace(reduce=lambda loss, **_: loss))
    for loss in losses:
        trainer.global_step += 1
        watcher.on_train_batch_end(trainer, SimpleNamespace(latest_loss=torch.tensor(loss)), None, None, 0)
    return watcher


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_at_once(value):
    with pytest.raises(DivergenceError, match="loss of step 3 is not finite"):
        watch([1.0, 1.0, value])


def test_a_single_peak_is_no_divergence_but_a_mean_of_ten_times_the_lowest_is():
    watcher = watch([1.0] * guard._STEPS + [100.0])
    with pytest.raises(DivergenceError, match=r"mean loss rose from 1 to 10"):
        watch([20.0] * 200, watcher)


def test_a_resumed_guard_remembers_the_lowest_mean():
    state = watch([0.1] * 2 * guard._STEPS).state_dict()
    resumed = DivergenceGuard()
    resumed.load_state_dict(state)
    with pytest.raises(DivergenceError, match=r"mean loss rose from 0\.1"):
        watch([10.0] * 50, resumed)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_never_reaches_the_optimiser(value):
    module = torch.nn.Linear(2, 1)
    module.log = lambda *_: None
    trainer = SimpleNamespace(global_step=4, precision_plugin=SimpleNamespace(scaler=None))
    for gradient in (1.0, value):
        for parameter in module.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        if gradient == 1.0:
            DivergenceGuard().on_before_optimizer_step(trainer, module, None)
    with pytest.raises(DivergenceError, match="gradient of step 5 is not finite"):
        DivergenceGuard().on_before_optimizer_step(trainer, module, None)
    trainer.precision_plugin.scaler = object()  # it skips such steps itself
    DivergenceGuard().on_before_optimizer_step(trainer, module, None)


@pytest.mark.usefixtures("bare")
def test_a_diverging_run_keeps_its_last_good_checkpoint_and_resumes_from_it(folder, monkeypatch):
    plain = Demucs.loss
    calls = 0

    def diverging(*arguments):
        nonlocal calls
        calls += 1
        loss = plain(*arguments)
        return loss if calls < 3 else loss * float("nan")

    monkeypatch.setattr(Demucs, "loss", diverging)
    with pytest.raises(DivergenceError, match=r"run: the .*optim\.learning_rate \(now 0\.01\).*--resume") as caught:
        train(folder, "run", "optim.steps=20", "run.validate_every=20", "run.checkpoint_minutes=0.00001")
    last = torch.load(folder / "run" / "checkpoints" / "last.ckpt", weights_only=False)
    assert last["global_step"] == 2
    assert "checkpoint of step 2 is kept" in str(caught.value)
    assert all(value.isfinite().all() for value in last["current_model_state"].values())
    monkeypatch.setattr(Demucs, "loss", plain)
    train(folder, "run", "optim.steps=3", "optim.learning_rate=1e-4", resume=True)
