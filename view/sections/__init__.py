"""One file a section of a page: each draws it from a source, or returns None where there is nothing to show."""
