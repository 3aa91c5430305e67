"""Pieces that look after the people who read: a warning before, covers, pauses, resources, and raising an incident."""
