"""Pages that one looks at, and what a wheel alone can do."""
