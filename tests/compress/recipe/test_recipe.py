"""Recipes: one clear sentence for each fault, and patterns to formats."""

from pathlib import Path

import pytest
import yaml

from spikewright.compress.networks.build import add_selectors, dense_model, layer_names
from spikewright.compress.recipe.reading import RecipeError, layer_formats, load_recipe, parse_recipe
from spikewright.models.factory import FactoryConfig

ROOT = Path(__file__).parents[3]
GOOD = """
name: t
data: digits
model: {dim: 16, heads: 2}
constraints:
  tokens: {keep: 0.7}
  quantisers: {layers: {"*": {scheme: pot, bits: 3}, "*.mlp.*": {scheme: uniform, bits: 4, fraction_bits: 2}}}
"""


def names_of(text: str) -> list[str]:
    recipe = parse_recipe(text)
    model = dense_model(recipe)
    add_selectors(model, recipe)
    return layer_names(model)


def test_the_last_matching_pattern_decides_and_fraction_bits_default_to_steps_plus_one() -> None:
    formats = layer_formats(parse_recipe(GOOD), names_of(GOOD))
    assert len(formats) == 5 + 2 * 6 + 1 + 2
    assert (formats["head"].scheme, formats["head"].bits, formats["head"].fraction_bits) == ("pot", 3, 5)
    fc1 = formats["block.1.mlp.fc1_linear"]
    assert (fc1.scheme, fc1.bits, fc1.fraction_bits) == ("uniform", 4, 2)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("keep: 0.7", "kep: 0.7", "constraints.tokens.kep: unknown key; did you mean 'keep'"),
        ("name: t", "name: t\nzzz: 1", "zzz: unknown key; known keys are name, data"),
        (
            "data: digits",
            "data: mnist",
            "data: unknown data set 'mnist'; did you mean 'mnist-5k'? All are clutter-digits, digits, event-",
        ),
        (
            "data: digits",
            "data: digit",
            "data: unknown data set 'digit'; did you mean 'digits'? All are clutter-digits,",
        ),
        ("keep: 0.7", "keep: 1.5", "constraints.tokens.keep: must be above 0 and below 1, where nothing would go"),
        ("keep: 0.7", "keep: 1.0", "constraints.tokens.keep: must be above 0 and below 1, where nothing would go"),
        ("keep: 0.7", "keep: [16]", "tokens.keep must fall below the 16 tokens that there are"),
        ("keep: 0.7", "keep: 0.7, fill: 32", "tokens.fill 32 would keep all 16 tokens"),
        ("keep: 0.7", "keep: [4, 3]", "tokens.keep must give 1 counts, not 2"),
        (
            "  tokens: {keep: 0.7}",
            "  masks: {method: lotery}",
            "masks: unknown method 'lotery'; did you mean 'lottery'?",
        ),
        (
            "  tokens: {keep: 0.7}",
            "  masks: {channels: true}",
            "constraints.masks.channels: unknown key; known keys are",
        ),
        ("  tokens: {keep: 0.7}", "  masks: {method: l1p, sparsty: 0.5}", "masks.sparsty: unknown key; did you mean"),
        ("  tokens: {keep: 0.7}", "  masks: {method: l1p, rounds: 3}", "constraints.masks.rounds: unknown key"),
        ("dim: 16,", "family: vgg, depht: 11,", "model.depht: unknown key; did you mean 'depth'"),
        ("scheme: pot, bits: 3", "schem: pot, bits: 3", "layers.*.schem: unknown key; did you mean 'scheme'"),
        ("scheme: pot, bits: 3", "scheme: pot, bits: 3, bit: 2", "layers.*.bit: unknown key; did you mean 'bits'"),
        ("keep: 0.7", "before: []", "constraints.tokens.before: must name at least one block, each once"),
        ("keep: 0.7", "before: [1, 1]", "constraints.tokens.before: must name at least one block, each once"),
        ("name: t", "name: t\nseed: 99999999999", "seed: Input should be less than 2147483648"),
        ("name: t", "name: t\nteacher: {rate: .inf}", "teacher.rate: Input should be a finite number, not inf"),
        ("name: t", "name: t\nteacher: {key: ema}", "teacher: key names a state of a checkpoint: give that too"),
        ("name: t", "name: t\nteacher: {epochs: 0}", "teacher.epochs may be 0 only where a checkpoint is the teacher"),
        (
            "layers:",
            "method: search, layers:",
            "constraints.quantisers.layers: unknown key; known keys are teacher, jitter, fraction_bits",
        ),
        ("  tokens: {keep: 0.7}", "  masks: {sparsity: 0}", "constraints.masks.sparsity: Input should be greater than"),
        ("keep: 0.7", "keep: [17]", "tokens.keep must fall from at most 16 tokens to at least 1"),
        ("keep: 0.7", "before: [2]", "must name blocks from 1 to 1, not 2"),
        ("dim: 16", "depth: 1", "at least 2 blocks"),
        ("dim: 16", "steps: yes", "model: steps must not be True, which is what YAML makes of yes"),
        ("dim: 16", "pools: [yes, 4]", "model: pools must not be True, which is what YAML makes of yes"),
        ("keep: 0.7", "keep: [no]", "constraints.tokens: keep must not be False, which is what YAML makes of yes"),
        ("dim: 16", "attention_scale: .inf", "model.attention_scale: Input should be a finite number, not inf"),
        ("{dim: 16, heads: 2}", "{family: vgg, depth: 11, widths: [0, 8]}", "model.widths.0: Input should be greater"),
        ("dim: 16", "residual: membrane", "residual kind must be 'add'"),
        ("keep: 0.7", "keep: [a]", "constraints.tokens.keep.0: must be a whole number, not 'a'"),
        ("name: t", "name: t\nyes: 3", "recipe: a key must be text, not True"),
        ("name: t", 'name: t\n"a\\nb": 3', r"'a\nb': unknown key; known keys are name"),
        ("data: digits", 'data: {npz: "a\\nb"}', r"data.npz: 'a\nb' is no path: it holds control characters"),
        ("data: digits", "data: {npzz: a}", "data.npzz: unknown key; did you mean 'npz'?"),
        ("data: digits", "data: {sets: cifar10, folder: a}", "data.sets: unknown key; did you mean 'set'?"),
        ("data: digits", "data: {folder: a, tests: b}", "data.tests: unknown key; did you mean 'test'?"),
        ("data: digits", "data: [1]\nzzz: 1", "zzz: unknown key; known keys are name"),
        ("dim: 16", f"classes: {10**14}", "model.classes: Input should be less than or equal to 65536, not 1000"),
        ("dim: 16", f"stream_limit: {2**80 - 1}", "model.stream_limit: Input should be less than or equal to 65535"),
        ("name: t", f"name: t\nteacher: {{epochs: {hex(16**5000)}}}", "equal to 100000, not so large a number"),
        ("name: t", "name: [", "not YAML"),
        ("name: t", "name: 2024-13-45", "not YAML: month must be in 1..12"),
        (GOOD, "- 1", "must be a YAML mapping"),
    ],
)
def test_faults_are_told_in_one_sentence(old: str, new: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD.replace(old, new))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("{dim: 16", "{factory: mypkg.net, dim: 16", "model.dim: unknown key; known keys are family, factory, "),
        ("{dim: 16, heads: 2}", "{factory: mypkg.net}", "model.factory: must be MODULE:FUNCTION, such as "),
        ("{dim: 16, heads: 2}", "{family: factory}", "model.factory: is missing"),
        ("{dim: 16, heads: 2}", "{factory: 5}", "model.factory: must be text, not 5"),
        ("{dim: 16, heads: 2}", "spikformer", "model: must be a mapping with keys such as family, height, "),
        ("name: t", "name: t\ntarget: ulx3s", "target: must be a mapping with keys such as board, not 'ulx3s'"),
        ("{keep: 0.7}", "learned", "constraints.tokens: must be a mapping with keys such as teacher, jitter, method, "),
        ("keep: 0.7", "keep: half", "constraints.tokens.keep: must be a number, not 'half'"),
        ("keep: 0.7", "before: 1", "constraints.tokens.before: must be a list, such as [1, 2], not 1"),
        ("keep: 0.7", "epochs: yes", "constraints.tokens: epochs must not be True, which is what YAML makes of yes, "),
        ("keep: 0.7", "epochs: 1.5", "constraints.tokens.epochs: must be a whole number, not 1.5"),
        ("name: t", "name: a b", "name: must be letters, digits, '.', '_' and '-' only, not 'a b'"),
        (GOOD[GOOD.index("constraints:") :], "constraints:", "constraints: must be a mapping with keys such as struc"),
        ("keep: 0.7", "teacher: previous", "recipe: tokens.teacher does nothing where training.distillation is 0"),
    ],
)  # fmt: skip
def test_what_has_another_form_is_told_what_form_it_has(old: str, new: str, text: str) -> None:
    changed = GOOD.replace(old, new)
    assert changed != GOOD
    with pytest.raises(RecipeError) as caught:
        parse_recipe(
            changed.replace("name: t", "name: t\ntraining: {distillation: 0}") if "previous" in new else changed
        )
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (
            "tokens: {method: lerned}",
            "tokens.method: unknown value 'lerned'; did you mean 'learned'? All are learned, ",
        ),
        ("tokens: {teacher: previus}", "tokens.teacher: unknown value 'previus'; did you mean 'previous'? All are "),
        ("neuron: {kind: silf}", "neuron.kind: unknown value 'silf'; did you mean 'slif'? All are slif, threshold, "),
        ("structure: {method: dps, qk: 0.5}", "structure.method: unknown value 'dps'; did you mean 'dsp'?"),
        ("structure: {qk: 0.5, score: nrm}", "structure.score: unknown value 'nrm'; did you mean 'norm'? All are "),
        ("masks: {start: zero}", "masks.start: unknown value 'zero'; must be one of rewind, random"),
        ("tokens: {method: 3}", "tokens.method: Input should be 'learned', 'firing-rate' or 'random', not 3"),
        (
            "masks: {method: magnitude, surrogate: sigmoyd}",
            "masks.surrogate: unknown value 'sigmoyd'; did you mean 'sig",
        ),
    ],
)
def test_a_wrong_choice_is_told_with_the_nearest(constraint: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD.replace("tokens: {keep: 0.7}", constraint))
    assert str(caught.value).startswith(f"constraints.{text}")


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ("target_bits: 1.9", ".target_bits: Input should be greater than or equal to 2, not 1.9"),
        ("target_bits: 2.5, schemes: [pot]", ": target_bits must be at least 3, the smallest width, not 2.5"),
        ("target_bits: 3, widths: [4, 8]", ": target_bits must be at least 4, the smallest width, not 3.0"),
        ("target_bits: 3, widths: [3, 7]", ": widths must be among 2, 3, 4, 5, 6, 8, those of uniform, pot, not 7"),
        ("target_bits: 3, schemes: [pot], widths: [3, 8]", ": widths must be among 3, 4, those of pot, not 8"),
        ("target_bits: 3, schemes: []", ".schemes: Tuple should have at least 1 item after validation, not 0, not []"),
    ],
)
def test_a_search_that_nothing_satisfies_is_refused(search: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD[: GOOD.index("  quantisers")] + f"  quantisers: {{method: search, {search}}}")
    assert str(caught.value) == f"constraints.quantisers{text}"


@pytest.mark.parametrize(("wrong", "text"), [("pto", "pot"), ("uniforn", "uniform")])
def test_a_wrong_scheme_is_told_with_the_nearest(wrong: str, text: str) -> None:
    searched = (
        GOOD[: GOOD.index("  quantisers")] + f"  quantisers: {{method: search, target_bits: 4, schemes: [{wrong}]}}"
    )
    for recipe, where in (
        (GOOD.replace("scheme: pot", f"scheme: {wrong}"), "layers.*.scheme"),
        (searched, "schemes.0"),
    ):
        with pytest.raises(RecipeError) as caught:
            parse_recipe(recipe)
        sentence = (
            f"constraints.quantisers.{where}: unknown value {wrong!r}; did you mean {text!r}? All are uniform, pot"
        )
        assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        ("masks: {rounds: 3, stop_after: 4}", "masks: stop_after must be at most rounds = 3, not 4"),
        ("tokens: {method: random, hidden: 4}", "tokens: hidden is of a learned selector; random has nothing to learn"),
        (
            "tokens: {method: firing-rate, ceiling: 2}",
            "tokens: ceiling is of a learned selector; firing-rate has nothing",
        ),
        (
            "tokens: {method: random, temperature: 2}",
            "tokens: temperature is of a learned selector; random has nothing",
        ),
        ("tokens: {method: random, ratio_weight: 1}", "tokens: ratio_weight is of a learned selector; random has"),
        (
            "neuron: {kind: lif, neuron_rate: 0.1}",
            "neuron: neuron_rate is of neurons that learn; lif has nothing to learn",
        ),
    ],
)
def test_a_key_that_would_do_nothing_is_refused(constraint: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD.replace("tokens: {keep: 0.7}", constraint))
    assert str(caught.value).startswith(f"constraints.{text}")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("event-digits", "the frames of event-digits are moved"),
        ("event-digits:2", "the frames of event-digits are moved"),
        ("{npz: x}", "a user's images have data.flip and data.shift"),
    ],
)
@pytest.mark.parametrize(
    ("where", "old", "new"),
    [
        ("training", "constraints:", "training: {jitter: true}\nconstraints:"),
        ("tokens", "keep: 0.7", "keep: 0.7, jitter: true"),
        ("quantisers", "{layers:", "{jitter: true, layers:"),
    ],
)
def test_only_digits_are_bent(where: str, old: str, new: str, data: str, reason: str) -> None:
    text = GOOD.replace("data: digits", f"data: {data}")
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text.replace(old, new))
    assert str(caught.value) == f"recipe: {where}.jitter bends digits; {reason}"
    parse_recipe(text.replace(old, new.replace("true", "false")))


def test_a_dump_of_a_recipe_is_a_recipe() -> None:
    """Every field at its default is no key that was given."""
    for text in (GOOD, GOOD.replace("tokens: {keep: 0.7}", "tokens: {method: random}")):
        recipe = parse_recipe(text)
        assert parse_recipe(yaml.safe_dump(recipe.model_dump(mode="json"))) == recipe


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"*.mlp.*"', '"*.mpl.*"', "'*.mpl.*' matches none of the layers patch_embed.proj_conv, "),
        ('"*": ', '"head": ', "no pattern matches layer 'patch_embed.proj_conv'"),
        ("bits: 3", "bits: 2", "bits of a pot layer must be one of [3, 4], not 2"),
        (
            '"*": ',
            '"*.attn.*": {scheme: pot, bits: 4}, "*": ',
            "'*.attn.*' decides for no layer: the last pattern",
        ),
    ],
)
def test_formats_are_checked(old: str, new: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        layer_formats(parse_recipe(GOOD.replace(old, new)), names_of(GOOD))
    assert text in str(caught.value)


def with_arguments(arguments: str) -> str:
    """A recipe whose network is a factory's."""
    model = f"{{factory: 'a:b', arguments: {arguments}}}"
    return GOOD.replace("{dim: 16, heads: 2}", model).replace("  tokens: {keep: 0.7}\n", "")


def test_a_key_of_merged_mappings_may_stand_again() -> None:
    def arguments(text: str) -> dict[str, object]:
        model = parse_recipe(with_arguments(text)).model
        assert isinstance(model, FactoryConfig)
        return model.arguments

    merged = {"k": 2}
    assert arguments("{a: {q: &B {<<: {k: 1}, k: 2}}, b: {<<: *B, z: 1}, c: *B}") == {
        "a": {"q": merged}, "b": merged | {"z": 1}, "c": merged,
    }  # fmt: skip
    for text in ("{a: {k: 1, k: 1}}", "{a: [{k: 1, k: 1}]}"):
        with pytest.raises(RecipeError, match=r"^not YAML: 'k' stands twice in"):
            arguments(text)


@pytest.mark.parametrize("name", ["digits", "clutter-digits"])
def test_committed_recipes_are_valid_and_use_both_schemes(name: str) -> None:
    recipe = load_recipe(ROOT / "recipes" / f"{name}.yaml")
    model = dense_model(recipe)
    add_selectors(model, recipe)
    formats = layer_formats(recipe, layer_names(model))
    assert {f.scheme for f in formats.values()} == {"uniform", "pot"}
    assert max(f.bits for f in formats.values()) <= 4
    assert recipe.constraints.masks is not None
    assert recipe.constraints.masks.sparsity >= 0.9


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "name: t",
            "name: t\nseed: 1\nseed: 2",
            "not YAML: 'seed' stands twice in \"<unicode string>\", line 4, column 1",
        ),
        ("name: t", "name: t\nthreads: 2000", "threads: "),
        ("data: digits", f"data: {'[' * 3000}", "not YAML: "),
        (
            "data: digits",
            "data: {npz: ~nobody-of-this-name/x.npz}",
            "data.npz: '~nobody-of-this-name/x.npz' begins at the ",
        ),
        ("data: digits", 'data: {npz: "a\\0b"}', "data.npz: 'a\\x00b' is no path"),
        (
            "tokens: {keep: 0.7}",
            "structure: {qk: 0.99}",
            "recipe: structure: no dimension would go, so small are the shares: ",
        ),
        (
            "tokens: {keep: 0.7}",
            "structure: {qk: 0.5, stream_limit: 7}",
            "recipe: structure.stream_limit 7 would change nothing: the residual stream is at most 6 anyway",
        ),
        (
            "heads: 2}\nconstraints:",
            "heads: 2, stream_limit: 3}\nconstraints:\n  structure: {stream_limit: 3}",
            "recipe: structure.stream_limit 3 would change nothing: the residual stream is at most 3 anyway",
        ),
        (
            "heads: 2}",
            "heads: 2, height: 4, width: 4, pools: [3, 4]}",
            "recipe: tokens: there is one token, which cannot go",
        ),
    ],
)
def test_what_says_nothing_or_two_things_is_refused(old: str, new: str, text: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(RecipeError) as caught:
        parse_recipe(GOOD.replace(old, new))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(text), str(caught.value)


def test_arguments_of_a_factory_are_plain() -> None:
    for arguments in (
        "{x: !!binary gIGC}",
        "&again {x: *again}",
        "{x: 2020-01-01}",
        "{x: !!set {a}}",
        "{x: {1: 2}}",
        "{x: .inf}",
        "{x: [.nan]}",
    ):
        text = r"^model\.arguments: must hold finite numbers, texts, lists and mappings by text only$"
        with pytest.raises(RecipeError, match=text):
            parse_recipe(with_arguments(arguments))
