"""The four methods on a PyTorch module with your own training loop: no recipe, no run folder.

A Spikformer on a few digits loses half of its attention dimensions (paper 3, DSP), half of its tokens (paper 1) and
80 % of its weights (paper 1, lottery tickets), gets neurons that learn (paper 3, sLIF), a format for every layer (paper
2), and becomes a model package whose integers classify exactly as the network does. A VGG is compressed under its own
attention maps (paper 4). Two epochs a step show the calls, not the accuracy; docs/methods.md has the equations.

    python examples/compress_in_python.py digits.safetensors
"""

import copy
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from spikewright.compress.methods.dimensions import choose, shrink, shrunk_config, significance
from spikewright.compress.methods.guided import AttentionTransfer, Regrowth, density_masks, set_thresholds
from spikewright.compress.methods.lottery import LotteryTickets
from spikewright.compress.methods.masks import apply_masks, prunable
from spikewright.compress.methods.plastic import make_plastic
from spikewright.compress.methods.tokens import TokenSelector, ratio_loss, set_mode
from spikewright.compress.networks.account import compression_of
from spikewright.compress.networks.build import exact, on_the_grid, quantise
from spikewright.compress.networks.export import export_network
from spikewright.compress.recipe.fractions import fitting
from spikewright.compress.search.format_search import FormatSearch
from spikewright.compress.training.loop import Settings, norms, reestimate_norms
from spikewright.compress.training.parameters import parameter_groups, step_floors
from spikewright.models.convnets import ConvNet, ConvNetConfig, to_spiking
from spikewright.models.data import Split, load
from spikewright.models.package import write_package
from spikewright.models.spikformer import Spikformer, SpikformerConfig
from spikewright.models.task import make_task
from spikewright.sim.golden import run as golden

torch.set_num_threads(1)  # the networks are small
IMAGES = 64
CONFIG = SpikformerConfig(dim=32, depth=2, heads=2, steps=4, mlp_ratio=2)
task = make_task(load("digits"))
train = Split(task.data.train.images[:IMAGES], task.data.train.labels[:IMAGES])


def fit(network, masks=None, terms=(), adapt=None, after_epoch=None, frozen_norms=False, epochs=2):
    """Your training loop: any optimiser, any loss; after each step the masks once more, and steps held above 0.

    Steps, thresholds, leaks and a search's choices need rates of their own, which parameter_groups knows.
    """
    optimiser = torch.optim.AdamW(parameter_groups(network, 2e-3, neuron_rate=1e-2))
    hold_steps = step_floors(network)
    for epoch in range(epochs):
        network.train()
        for norm in norms(network) if frozen_norms else ():
            norm.eval()
        for first in range(0, IMAGES, 16):
            images = task.inputs(train.images[first : first + 16])
            labels = torch.from_numpy(train.labels[first : first + 16])
            result = network.run(images)
            loss = F.cross_entropy(result.logits, labels) + sum(term(network, result, images) for term in terms)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            apply_masks(network, masks or {})
            hold_steps()
        if after_epoch is not None:
            after_epoch(epoch + 1)
        if adapt is not None:
            adapt(network, optimiser, masks, epoch + 1, epochs)
    network.eval()


def ratio(_network, result, _images):
    """A term of the loss: selectors shall keep half of the tokens."""
    return 2.0 * ratio_loss(result.choices, [0.5])


def transformer() -> Spikformer:
    """Papers 3, 1, 3 and 2, each on what the one before left."""
    torch.manual_seed(1)
    network = Spikformer(CONFIG)
    fit(network)

    # DSP (paper 3): paired rows of q and k, and rows of v with columns of proj, leave; the shapes shrink.
    small = shrunk_config(CONFIG, qk=0.5, v=0.5, hidden=1.0)
    network = shrink(network, choose(significance(network, task, train), small))

    # Token selector (paper 1): Gumbel masks while training, the best 8 of 16 tokens at inference.
    network.selector["1"] = TokenSelector(CONFIG.dim, keep=8)
    early = copy.deepcopy(network.state_dict())
    set_mode(network, hard=False)
    fit(network, terms=[ratio])

    # Lottery tickets (paper 1): global magnitude pruning in rounds, rewound to the early weights.
    for masks in LotteryTickets(network, early, sparsity=0.8, rounds=2):
        fit(network, masks, [ratio])

    # sLIF (paper 3): threshold and leak of every channel learn together with the masked weights.
    make_plastic(network, "slif")
    fit(network, masks, [ratio])

    # Search (paper 2): every weight a mixture of formats, the engine's own cost in the loss.
    search = FormatSearch(network, 3.5, task.inputs(train.images[:16]))
    fit(network, search.masks(masks), [ratio, search], after_epoch=lambda done: search.cool(done, 2))
    formats = search.finish()

    # Quantisation-aware training with tokens gathered, norms as inference sees them, then the package's integer grid.
    quantise(network, fitting(network, formats, finest=5))
    set_mode(network, hard=True)
    fit(network, masks)
    reestimate_norms(network, task, Settings(batch=16), "example")
    on_the_grid(network)
    fit(network, masks, frozen_norms=True)
    return exact(network)


def convolutional() -> tuple[ConvNet, int]:
    """Paper 4: a dense ANN, its compression under the dense one's attention maps, and the SNN that it becomes."""
    torch.manual_seed(1)
    meta = ConvNet(ConvNetConfig(family="vgg", depth=11, width_factor=0.1, steps=2))
    fit(meta)
    network = copy.deepcopy(meta)
    total = sum(weight.numel() for weight in prunable(network).values())
    masks = density_masks(network, total // 10)
    fit(network, masks, [AttentionTransfer(meta, 100.0)], Regrowth(0.3))
    to_spiking(network, leak=0.75, surrogate="atan")
    set_thresholds(network, task, train)
    fit(network, masks, adapt=Regrowth(0.3))
    return network, total


def main() -> None:
    network = transformer()
    package = export_network(network, task.table, name="digits", steps=4, image=(16, 16, 1), bits=8, signed=True)
    images = task.data.test.images[:32]
    with torch.no_grad():
        mine = network.double()(task.inputs(images).double()).argmax(1)
    same = golden(package, images).classes == mine.numpy()
    print(f"spikformer: {int(same.sum())} of {len(images)} classes of the integers equal the network's")
    by = compression_of(network.float(), Spikformer(CONFIG))
    print(f"spikformer: compression {by.bits:.1f}x by bits, {by.weights:.1f}x by weights, {by.stored:.1f}x stored")
    write_package(package, Path(sys.argv[1] if len(sys.argv) > 1 else "digits.safetensors"))
    vgg, total = convolutional()
    left = sum(int(weight.count_nonzero()) for weight in prunable(vgg).values())
    print(f"vgg: {left} of {total} weights, spiking over {vgg.size.steps} steps")


if __name__ == "__main__":
    main()
