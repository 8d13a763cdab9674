"""Measuring: rankings of a model or a service, and their figures."""
