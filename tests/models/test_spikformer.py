"""Spikformer: published sizes and names, shapes, integer stream, masks, refusals."""

import pytest
import torch
from pydantic import ValidationError

from spikewright.models.spikformer import Spikformer, SpikformerConfig, column_mask

CIFAR = SpikformerConfig(height=32, width=32, channels=3, dim=384, depth=4, heads=12)
DVS = SpikformerConfig(
    height=128, width=128, channels=2, dim=256, depth=2, heads=16, steps=16, pools=(1, 2, 3, 4), layout="conv1d",
    attention_scale=0.25,
)  # fmt: skip


@pytest.mark.parametrize(("config", "count"), [(CIFAR, 9_324_730), (DVS, 2_566_666)])
def test_parameter_counts_of_the_published_models(config: SpikformerConfig, count: int) -> None:
    with torch.device("meta"):
        model = Spikformer(config)
    assert sum(p.numel() for p in model.parameters()) == count


def test_state_dict_names_of_both_layouts() -> None:
    with torch.device("meta"):
        cifar, dvs = set(Spikformer(CIFAR).state_dict()), set(Spikformer(DVS).state_dict())
    assert {"patch_embed.proj_conv.weight", "patch_embed.proj_bn3.running_var", "patch_embed.rpe_conv.weight"} <= cifar
    assert {"block.3.attn.q_linear.bias", "block.0.attn.proj_bn.weight", "block.1.mlp.fc2_linear.weight"} <= cifar
    assert {"block.1.attn.k_conv.weight", "block.0.mlp.fc1_conv.bias", "head.weight"} <= dvs
    assert "block.1.attn.k_conv.bias" not in dvs
    assert "patch_embed.proj_conv.bias" not in cifar


@pytest.mark.parametrize("pools", [(), (3, 4), (1, 2, 3, 4)])
def test_shapes_and_the_integer_stream(pools: tuple[int, ...]) -> None:
    config = SpikformerConfig(dim=16, depth=2, heads=2, steps=3, pools=pools, channels=2)
    model = Spikformer(config).eval()
    stream = model.patch_embed(torch.randn(1, 2, 2, 16, 16) * 30)
    assert stream.shape == (3, 2, config.tokens, 16)
    assert set(stream.unique().tolist()) <= {0.0, 1.0, 2.0}
    assert model.block[0](stream, None).max() <= 4
    assert model(torch.randn(3, 2, 2, 16, 16)).shape == (2, 10)  # one frame a step


def test_a_still_image_equals_the_same_frame_at_every_step() -> None:
    model = Spikformer(SpikformerConfig(dim=16, depth=1, heads=2)).eval()
    images = torch.randn(2, 1, 16, 16) * 30
    assert torch.allclose(model(images), model(images.expand(4, 2, 1, 16, 16)))


def test_weights_of_a_training_on_normalised_images_answer_the_same_to_codes() -> None:
    torch.manual_seed(3)
    shape = SpikformerConfig(dim=16, depth=1, heads=2)
    trained, ours = Spikformer(shape), Spikformer(shape.model_copy(update={"input_scale": 4 / 2**7}))
    codes = torch.randint(-128, 128, (8, 1, 16, 16)).float()
    for norm in (m for m in trained.modules() if isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)):
        norm.momentum = 1.0
        torch.nn.init.constant_(norm.bias, 1.0)
    trained(codes / 32)  # its norms have seen normalised images
    ours.load_state_dict(trained.state_dict())
    wanted = trained.eval()(codes / 32)
    assert torch.equal(ours.eval()(codes), wanted)
    assert not torch.allclose(trained(codes), wanted)


def test_masked_attention_of_kept_tokens_equals_gathering_them() -> None:
    torch.manual_seed(3)
    model = Spikformer(SpikformerConfig(dim=16, depth=1, heads=2)).eval()
    stream = torch.randint(0, 3, (4, 2, 16, 16)).float()
    keep = torch.zeros(2, 16)
    indices = torch.tensor([0, 3, 4, 9, 15])
    keep[:, indices] = 1.0
    masked = model.block[0](stream, keep)[:, :, indices]
    gathered = model.block[0](stream[:, :, indices], None)
    assert torch.equal(masked, gathered)
    assert torch.allclose(model.head.read(stream, keep), model.head.read(stream[:, :, indices], None), atol=1e-6)


def test_column_mask_keeps_kept_columns_and_the_own_token() -> None:
    mask = column_mask(torch.tensor([[1.0, 0.0, 1.0]]))[0]
    assert mask.tolist() == [[1, 0, 1], [1, 1, 1], [1, 0, 1]]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"residual": "membrane"}, "residual kind must be 'add'"),
        ({"dim": 60}, "multiple of 8"),
        ({"pools": (5,)}, "pools must be"),
        ({"height": 18}, "multiples of 4"),
        ({"attention_scale": 0.3}, "1/integer"),
        ({"windows": 2}, "Extra inputs"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        SpikformerConfig(**fields)  # type: ignore[arg-type]
