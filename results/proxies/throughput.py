"""How fast the trainer trains: tokens a second and utilisation.

    python results/proxies/throughput.py cpu                    # beside nn.TransformerEncoderLayer
    python results/proxies/throughput.py gpu > results/proxies/throughput.md   # on a CUDA device
    python results/proxies/throughput.py gpu --dry-run          # the same code, tiny, on the CPU

``cpu`` compares steps of the model with steps of a stack of `torch.nn.TransformerEncoderLayer` of
equal depth, width and heads, whose feed-forward width is such that the parameters are as many, both
as they are and compiled (our runs of more than a minute are); they take turns, so that other work
on the machine slows all. ``gpu`` trains three dense sizes and a
Mixture-of-Experts one in bfloat16, compiled, on random text.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from proxies import devices
from proxies.config import TrainConfig
from proxies.corpora import Corpora, Domain
from proxies.devices import Runtime
from proxies.flops import train_flops
from proxies.model import Transformer
from proxies.shapes import ModelConfig, with_experts
from proxies.train import Trainer

CPU_DIALS = (48e3, 1.3e6)
GPU_DIALS = (20e6, 100e6, 1e9)
GPU_SPARSE = (100e6, 1e9)
GPU_BATCH_TOKENS = 2**17
CONTEXT = 2048
ROUNDS = 7


class Reference(nn.Module):
    """PyTorch's own pre-norm layers between an embedding and a head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        heads = max(1, config.width // config.head_width)
        heads = next(n for n in range(heads, 0, -1) if config.width % n == 0)
        blocks = config.n_params / config.depth
        hidden = round((blocks - 4 * config.width**2) / (2 * config.width))
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width, heads, hidden, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.depth)
        )
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        mask = nn.Transformer.generate_square_subsequent_mask(config.context)
        self.register_buffer("mask", mask)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of the next token."""
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, src_mask=self.mask, is_causal=True)
        return functional.cross_entropy(self.head(x).flatten(0, 1), targets.flatten())


def stepper(model: nn.Module, rows: Tensor) -> Callable[[], None]:
    """One optimiser step on the same batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        model(rows[:, :-1], rows[:, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def compiled(model: nn.Module) -> nn.Module:
    """The model, compiled at its first call."""
    model.compile()
    return model


def cpu(batch: int, rounds: int, dials: Sequence[float]) -> None:
    """Print tokens a processor second of all on one thread, and ratios of ours to the layer."""
    devices.use_one_core()
    print(
        "| parameters | batch | ours | compiled | TransformerEncoderLayer | compiled | plain ratio "
        "| ours compiled / plain layer | compiled ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for dial in dials:
        config = ModelConfig.from_dial(dial)
        rows = torch.randint(0, 256, (batch, config.context + 1))
        models = (
            Transformer(config),
            compiled(Transformer(config)),
            Reference(config),
            compiled(Reference(config)),
        )
        steps = [stepper(model, rows) for model in models]
        n_steps = max(2, round(4e9 / train_flops(config, batch * config.context)))
        seconds = np.zeros((rounds, len(steps)))
        for number in range(-1, rounds):
            for which, step in enumerate(steps):
                begin = time.process_time()
                for _ in range(n_steps):
                    step()
                if number >= 0:
                    seconds[number, which] = time.process_time() - begin
        speed = n_steps * batch * config.context / np.median(seconds, axis=0)
        ratios = [np.median(seconds[:, b] / seconds[:, a]) for a, b in ((0, 2), (1, 2), (1, 3))]
        cells = [f"{config.n_params:,}", f"{batch}", *(f"{value:,.0f}" for value in speed)]
        print(f"| {' | '.join([*cells, *(f'{ratio:.2f}' for ratio in ratios)])} |", flush=True)


def gpu(dry_run: bool) -> None:
    """Print tokens a second and utilisation of a training run at each size."""
    device = "cpu" if dry_run else "cuda"
    dense = [ModelConfig.from_dial(dial, CONTEXT) for dial in GPU_DIALS]
    models = [*dense, ModelConfig.sparse(*GPU_SPARSE, CONTEXT)]
    batch = GPU_BATCH_TOKENS // CONTEXT
    if dry_run:
        small = ModelConfig.from_dial(16e3, 64)
        models, batch = [small, with_experts(small, 4 * small.n_params)], 4
    n_steps = 12 if dry_run else 60
    text = np.random.default_rng(0).integers(1, 256, 2_000_000, dtype=np.uint8)
    corpora = Corpora({name: Domain(text, text[:10_000]) for name in ("a", "b")})
    runtime = Runtime(device, compiled=not dry_run, accumulate=1 if dry_run else 4)
    print(
        f"{devices.name(device)}, torch {torch.__version__}, batch {batch} × {models[0].context}\n"
    )
    print("| active parameters | parameters | tokens/s | of a matrix product, % | TFLOP/s |")
    print("|---|---|---|---|---|")
    for model in models:
        config = TrainConfig(
            model,
            {"a": 0.5, "b": 0.5},
            n_steps * batch * model.context,
            batch=batch,
            precision="bfloat16",
            evaluation_tokens=model.context,
            n_questions=0,
        )
        # The first run compiles; kernels are cached, so that the second one measures.
        Trainer(replace(config, n_tokens=3 * batch * model.context), corpora, {}, runtime).run()
        (found,) = Trainer(config, corpora, {}, runtime).run()
        speed = found.tokens_per_second
        print(
            f"| {model.n_active_params:,} | {model.n_params:,} | {speed:,.0f} | "
            f"{100 * found.utilisation:.0f} | {train_flops(model, 1) * speed / 1e12:.3g} |"
        )


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", choices=("cpu", "gpu"))
    parser.add_argument("--batch", type=int, default=8, help="sequences, on the CPU")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns, on the CPU")
    parser.add_argument("--dials", type=float, nargs="+", default=CPU_DIALS, help="on the CPU")
    parser.add_argument("--dry-run", action="store_true", help="tiny models on the CPU")
    options = parser.parse_args()
    if options.where == "cpu":
        cpu(options.batch, options.rounds, options.dials)
    else:
        gpu(options.dry_run)


if __name__ == "__main__":
    main()
