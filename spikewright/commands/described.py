"""Whether a user's own network computes what it describes: asked of the golden model before anything is trained."""

from __future__ import annotations

import torch

from spikewright.compress.networks.export import export_package
from spikewright.compress.recipe.schema import Recipe
from spikewright.compress.run.rehearsal import rehearse
from spikewright.compress.training.loop import norms
from spikewright.echo import quoted
from spikewright.models.factory import FactoryConfig, FactoryError, error_text
from spikewright.models.package import Package
from spikewright.models.task import Task
from spikewright.sim.witness import WitnessError, assert_same

#: Images that are compared.
FEW = 4


def check_described(recipe: Recipe, task: Task, _expected: Package | None = None) -> None:
    """FactoryError where ``run`` of a recipe's own network and the graph that it describes differ; others pass.

    The package is made of the graph, and accuracies are measured with ``run``: were they two networks, the package
    would be another one than was trained. What the run is expected to end in is not asked: it hardly fires.
    """
    if not isinstance(recipe.model, FactoryConfig):
        return
    network = rehearse(recipe)
    with torch.no_grad():
        for norm in norms(network):  # weights of chance hardly fire without
            norm.bias.fill_(1.0)
    images, package = task.data.validation.images[:FEW], export_package(network, recipe, task)
    try:
        assert_same(network, package, images, task.inputs(images))
    except WitnessError as error:
        text = f"run and describe tell two networks: {error}"
        raise FactoryError(f"factory {quoted(recipe.model.factory)}: {text}") from None
    except Exception as error:
        raise FactoryError(f"factory {quoted(recipe.model.factory)}: {error_text(error)}") from None
