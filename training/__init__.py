"""The Siamese study: data sets, networks, losses, training, evaluation, figures, export."""
