"""Everything that stands around the function under test: the Runtime API, AWS, and builders of input."""
