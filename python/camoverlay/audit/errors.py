"""What ends a command, in a sentence for the person who gave it."""


class AuditError(Exception):
    """One sentence on what is wrong, and one on what to do."""
