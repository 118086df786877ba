"""The errors by which a KerasTuner script fails one trial, or ends its search."""


class FailedTrialError(Exception):
    """Raised by a script to fail one trial; the search goes on."""


class FatalError(Exception):
    """Raised by a script while a trial runs, to end its search."""


class FatalValueError(FatalError, ValueError):
    """Raised by a script to end its search because of a value."""


class FatalTypeError(FatalError, TypeError):
    """Raised by a script to end its search because of a type."""


class FatalRuntimeError(FatalError, RuntimeError):
    """Raised by a script to end its search because of anything else."""
