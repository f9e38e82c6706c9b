"""Speed against peers, side by side in one run."""

from common.startup import quiet_tensorflow

quiet_tensorflow()
