"""Words for models that know classes and have no text tower of their own.

A small sentence model says which phrases a text is near, and so how likely it means which class:
the same kind of value as the class part of an embedding. docs/words.md tells how well.
"""
