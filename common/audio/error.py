"""The one error for audio that cannot be used."""

from common.errors import UserError


class AudioError(UserError):
    """Audio that cannot be used; `reason` says why in a word or two, so that such files can be counted."""

    def __init__(self, name: str, reason: str, explanation: str) -> None:
        super().__init__(f"{name}: {explanation}")
        self.reason = reason
