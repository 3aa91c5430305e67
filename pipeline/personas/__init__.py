"""Profiles of real people made ready for generation: read, stripped of what leads back to them, and reported on."""
