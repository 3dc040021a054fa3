"""A small training loop for classifiers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Solver:
    """Train a classifier on tensors in memory, and keep the weights that did best on validation data.

    After `train`: loss_history (a float per iteration), train_acc_history and val_acc_history (a float per
    epoch), best_val_acc.
    """

    def __init__(
        self,
        model: nn.Module,
        data: dict[str, Tensor],
        *,
        optimizer: type[torch.optim.Optimizer] = torch.optim.AdamW,
        learning_rate: float = 1e-3,
        lr_decay: float = 1.0,
        batch_size: int = 100,
        num_epochs: int = 10,
        loss_func: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy,
        device: torch.device | str = "cpu",
        verbose: bool = True,
    ) -> None:
        """
        data       X_train, y_train, X_val, y_val; labels (N,) int64
        lr_decay   factor on the learning rate after every epoch
        loss_func  (scores (N,C), labels (N,)) -> scalar
        """
        self.model = model.to(device)
        self.data = data
        self.optimizer = optimizer(model.parameters(), lr=learning_rate)
        self.schedule = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=lr_decay)
        self.batch_size = batch_size
        self.num_epochs = num_epochs
        self.loss_func = loss_func
        self.device = device
        self.verbose = verbose
        self.loss_history: list[float] = []
        self.train_acc_history: list[float] = []
        self.val_acc_history: list[float] = []
        self.best_val_acc = 0.0

    def train(self) -> None:
        """Train for num_epochs; leaves the model with the weights of the best epoch."""
        X, y = self.data["X_train"], self.data["y_train"]
        best = None
        for epoch in range(1, self.num_epochs + 1):
            self.model.train()
            for rows in torch.randperm(len(X)).split(self.batch_size):
                loss = self.loss_func(self.model(X[rows].to(self.device)), y[rows].to(self.device))
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.loss_history.append(loss.item())
            self.schedule.step()

            self.train_acc_history.append(self.check_accuracy(X, y))
            self.val_acc_history.append(self.check_accuracy(self.data["X_val"], self.data["y_val"]))
            if best is None or self.val_acc_history[-1] > self.best_val_acc:
                self.best_val_acc = self.val_acc_history[-1]
                best = {name: value.clone() for name, value in self.model.state_dict().items()}
            if self.verbose:
                print(
                    f"epoch {epoch}/{self.num_epochs}: loss {self.loss_history[-1]:.4f}, accuracy "
                    f"{self.train_acc_history[-1]:.3f} train, {self.val_acc_history[-1]:.3f} validation"
                )
        if best is not None:
            self.model.load_state_dict(best)

    @torch.no_grad()
    def check_accuracy(self, X: Tensor, y: Tensor) -> float:
        """Share of X whose highest score belongs to the label in y."""
        self.model.eval()
        right = 0
        for images, labels in zip(X.split(self.batch_size), y.split(self.batch_size), strict=True):
            scores = self.model(images.to(self.device))
            right += (scores.argmax(dim=1).cpu() == labels.cpu()).sum().item()
        return right / len(X)
