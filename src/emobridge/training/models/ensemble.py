"""Several fusion networks of one shape whose answers are averaged.

How they learn: `turns`.
"""

import torch
from torch import Tensor, nn

from emobridge.training.models.fusion import FusionConfig, FusionModel
from emobridge.training.models.round_robin import in_turn


class FusionEnsemble(nn.Module):
    """As `FusionModel`: in training each item is judged by the member whose turn it is, else by all, and averaged.

    Args:
        config: of each member; ``config.members`` says how many there are.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(FusionModel(config) for _ in range(config.members))

    def forward(self, acoustic: Tensor | None, *others: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return logits (B, C) and dimensions (B, K) in [0, 1]: means over the members, or one member's in training.

        Args as for `FusionModel.forward`, but ``acoustic`` may hold a vector for each member, (B, members, T_a, D_a),
        where `FusionConfig.acoustic_layers` is 1.
        """
        if self.training:
            judged = in_turn(len(self.members), self._judge, acoustic, *others)
        else:
            each = [self._judge(number, self._own(acoustic, number), *others) for number in range(len(self.members))]
            judged = torch.stack(each).mean(dim=0)
        categories = len(self.config.categories)
        return judged[:, :categories], judged[:, categories:]

    def _judge(self, number: int, *given: Tensor | None) -> Tensor:
        """Return (B, C + K), what one member says."""
        return torch.cat(self.members[number](*given), dim=1)

    def _own(self, acoustic: Tensor | None, number: int) -> Tensor | None:
        """Return a member's own vectors (B, T_a, D_a) where it has some, else those of all."""
        if acoustic is not None and acoustic.dim() == 4 and self.config.acoustic_layers == 1:
            return acoustic[:, number]
        return acoustic
