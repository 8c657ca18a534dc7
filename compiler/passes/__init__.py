"""One pass per file, each a pure function from graph to graph."""
