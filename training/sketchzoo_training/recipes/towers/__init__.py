"""The shipped model's recipe: a frozen photo tower, and a sketch tower taught to meet it.

The photo side is ImageNet's EfficientNet-Lite0 with a linear probe over all classes that
have photos. The sketch side is trained on everything drawn. Both embeddings are the
square roots of a class posterior beside a general part, see `sketchzoo.heads.PosteriorHead`.
"""
