"""Where values go: fused additions, values overwritten in place, halos, and copies for attention."""

from spikewright.cost.routing import LayCopy, Node, Routing, route

GRID = (4, 4)


def routed(*nodes: Node, fine: tuple[str, ...] = (), flat: tuple[str, ...] = ()) -> Routing:
    """Routing of ops of which those named stand on a finer grid, or on none."""
    grids = {name: (8, 8) if name in fine else None if name in flat else GRID for name in names(nodes)}
    return route(nodes, grids)


def names(nodes: tuple[Node, ...]) -> list[str]:
    return ["input", *(node.name for node in nodes)]


def conv(name: str, source: str) -> Node:
    return Node(name, "conv", (source,))


def linear(name: str, source: str) -> Node:
    return Node(name, "linear", (source,))


def add(name: str, stream: str, spikes: str) -> Node:
    return Node(name, "add", (stream, spikes))


def attention(name: str, value: str, heads: int) -> Node:
    return Node(name, "attention", (value, value, value), heads)


BASE = (conv("a", "input"), linear("b", "a"))


def test_an_addition_is_done_where_its_spikes_are_made_if_nothing_else_reads_them() -> None:
    assert list(routed(*BASE, add("s", "a", "b")).fused) == ["b"]
    assert not routed(*BASE, add("s", "a", "b"), linear("c", "b")).fused
    assert not routed(*BASE, add("s", "a", "b"), add("t", "s", "b")).fused
    assert not routed(*BASE, add("s", "b", "b")).fused


def test_it_is_not_where_the_stream_comes_later_or_the_spikes_are_an_images() -> None:
    assert not routed(conv("a", "input"), linear("b", "a"), linear("c", "a"), add("s", "c", "b")).fused
    assert not routed(conv("a", "input"), conv("b", "input"), add("s", "a", "b")).fused
    assert not routed(*BASE, Node("p", "windows", ("a",)), add("s", "a", "p")).fused


def test_a_stream_is_overwritten_once_nothing_reads_it_any_more() -> None:
    chain = (conv("a", "input"), linear("b", "a"), linear("c", "b"))
    assert routed(*chain, add("s", "a", "c")).in_place == {"s"}
    # the spikes' own layer still reads it, or a layer between them and the addition, or one behind it
    assert not routed(*BASE, add("s", "a", "b")).in_place
    assert not routed(*chain, linear("d", "a"), add("s", "a", "c")).in_place
    assert not routed(*chain, add("s", "a", "c"), linear("d", "a")).in_place
    # a convolution reads the halo of one of them
    assert not routed(*chain, add("s", "a", "c"), conv("d", "s")).in_place
    assert not routed(*chain, conv("d", "a"), add("s", "a", "c")).in_place
    # attention reads words that lie side by side
    assert not routed(*chain, attention("d", "a", 1), linear("e", "d"), add("s", "a", "e")).in_place
    assert not routed(*chain, add("s", "a", "a")).in_place
    assert not routed(*chain, add("s", "a", "c"), fine=("a",), flat=("s",)).in_place


def test_an_addition_of_its_own_may_overwrite_what_the_spikes_layer_read() -> None:
    nodes = (*BASE, linear("c", "b"), add("s", "a", "b"))
    routing = routed(*nodes)
    assert not routing.fused
    assert routing.in_place == {"s"}


def test_what_the_mover_makes_lies_as_its_source_and_attention_lays_it_out_by_head() -> None:
    pooled = (conv("a", "input"), Node("p", "windows", ("a",)), attention("t", "p", 2))
    routing = routed(*pooled, fine=("input", "a"))
    assert routing.roots["p"] == "a"
    assert routing.heads == {"a": 2}
    assert not routing.copies
    assert routing.cells == {GRID: GRID, (8, 8): GRID}
    assert (routing.tile((8, 8)), routing.tile(GRID), routing.tile(None)) == ((2, 2), (1, 1), (1, 1))


def test_attention_reads_a_copy_where_a_convolution_or_other_heads_want_the_value_otherwise() -> None:
    routing = routed(conv("a", "input"), attention("t", "a", 2), attention("u", "a", 3), conv("b", "a"))
    assert routing.halos == {"input", "a"}
    assert routing.copies == {("t", "a"): LayCopy("a", heads=2), ("u", "a"): LayCopy("a", heads=3, moved=False)}


def test_what_attention_makes_lies_by_its_own_heads_only() -> None:
    chain = (conv("a", "input"), attention("t", "a", 2))
    assert routed(*chain, attention("u", "t", 2)).heads == {"a": 2, "t": 2}
    other = routed(*chain, attention("u", "t", 3), attention("v", "t", 2))
    assert other.heads == {"a": 2, "t": 2}
    assert other.copies == {("u", "t"): LayCopy("t", heads=3, moved=False)}


def test_what_reads_token_by_token_gets_a_copy_of_what_lies_in_tiles() -> None:
    nodes = (
        conv("a", "input"),
        conv("b", "a"),
        linear("c", "a"),
        Node("d", "select", ("a",)),
        Node("p", "windows", ("b",)),
    )
    routing = routed(*nodes, fine=("input", "a", "b"), flat=("c", "d"))
    assert routing.copies == {("c", "a"): LayCopy("a"), ("d", "a"): LayCopy("a")}
    assert routed(*nodes, flat=("c", "d")).copies == {}
    both = routed(*nodes, linear("e", "b"), add("s", "c", "b"), fine=("input", "a", "b"), flat=("c", "d", "e", "s"))
    assert both.copies[("s", "b")] == LayCopy("b")
    assert ("s", "c") not in both.copies


def test_a_shortcut_gets_a_copy_in_tiles_of_what_has_no_grid() -> None:
    nodes = (conv("a", "input"), linear("b", "a"), Node("c", "conv", ("a", "b")), Node("p", "windows", ("c",)))
    routing = routed(*nodes, fine=("input", "a", "c"), flat=("b",))
    assert routing.copies[("c", "b")] == LayCopy("b", (8, 8))
    assert LayCopy("b", (8, 8)).name == "b on 8x8"
    assert not routing.mixed
    assert routed(*nodes, Node("d", "conv", ("input", "a")), fine=("input", "a", "c", "d"), flat=("b",)).mixed


def test_a_convolution_with_a_shortcut_adds_to_no_stream() -> None:
    joined = Node("c", "conv", ("b", "a"))
    assert list(routed(conv("a", "input"), conv("b", "a"), conv("c", "b"), add("s", "a", "c")).fused) == ["c"]
    assert not routed(conv("a", "input"), conv("b", "a"), joined, add("s", "a", "c")).fused
