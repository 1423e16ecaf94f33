"""What goes wrong, each told in a sentence on what is wrong and one on what to do."""


class Error(Exception):
    """Whatever this package raises of itself."""


class LibraryError(Error, ImportError):
    """ONNX Runtime, or an execution provider, is missing or unfit."""


class NotFoundError(Error, FileNotFoundError):
    """A network or a label file is missing."""


class ReadError(Error, OSError):
    """A file cannot be read, or is damaged."""


class FormatError(Error, ValueError):
    """The network is in order, and of a kind that is not explained."""


class SettingsError(Error, ValueError):
    """What was asked for does not go together, or not with the network."""


class RunError(Error, RuntimeError):
    """A run of the network failed."""
