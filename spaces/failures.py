"""What a trial may fail of before it is trained."""


class ArchitectureError(ValueError):
    """These values can't be built into a model for these data; the message says why.

    It concerns one trial: the search goes on without it.
    """
