"""Evaluations as tables, figures and pages, from their run directories alone."""
