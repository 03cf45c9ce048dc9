"""What can go wrong with the servers of one machine."""


class SetupError(RuntimeError):
    """Something the servers need is missing; says what and what brings it, in one line."""


class ServerError(RuntimeError):
    """A server did not start or did not stop; says which, with the last lines of its log."""


class CancelledError(RuntimeError):
    """Another part failed or the user stopped it; nothing is wrong with this one."""
