"""Facades with one fault each, and the cases that find it."""
