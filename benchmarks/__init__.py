"""Speed against peers, side by side in one run."""

from common.quiet import quiet_tensorflow

quiet_tensorflow()
