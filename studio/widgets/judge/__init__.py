"""The judge beside people: what it misses and invents, how lenient it is, and what people reach themselves."""
