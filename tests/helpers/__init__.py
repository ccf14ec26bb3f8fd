"""Helpers that the test modules share."""
