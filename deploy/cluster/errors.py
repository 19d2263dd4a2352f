"""What goes wrong in words for the operator."""


class ClusterError(Exception):
    """Something that the operator has to mend: a program that is missing, a port in use, a part that ended."""
