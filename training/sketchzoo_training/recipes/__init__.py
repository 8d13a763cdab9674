"""Recipes: what a run learns from, what it wants, and when."""
