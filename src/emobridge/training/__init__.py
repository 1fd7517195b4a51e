"""The learning wing: corpora to bundles. The only folder that may import torch (the extra ``[train]``)."""
