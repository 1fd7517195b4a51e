"""A recipe from corpora to trained folds, predictions, scores and an exported bundle."""
