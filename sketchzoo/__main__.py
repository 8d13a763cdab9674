"""`python -m sketchzoo`: the command line."""

from sketchzoo.cli import main

if __name__ == "__main__":
    main()
