"""Servers that are broken on purpose, each in one way, and the cases that each of them fails."""
