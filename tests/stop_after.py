"""A stop request that comes after so many questions for one."""

from studyhall.search.process.stop import Stop


class StopAfter(Stop):
    """Asks to stop once so many epochs have asked it."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    @property
    def asked(self) -> bool:
        """True from the last of these epochs on."""
        self.epochs -= 1
        return self.epochs <= 0
