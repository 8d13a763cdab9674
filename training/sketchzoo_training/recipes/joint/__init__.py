"""The joint recipe: both towers learn together what is drawn, of any subject.

It goes on from a finished model's towers, whose class part it keeps by teaching. Beside it a
general part learns to bring sketches and photos of one thing together whether a class names it
or not, and a shape part, from the layout of the last maps, which photo a sketch was drawn from.
"""
