"""What the core raises to Python."""


class SnapshotError(Exception):
    """A configuration that cannot be compiled. Nothing was published.

    entity: which one, as 'route "name"'; field: its field, as 'paths[1]'; message: what is wrong and what to do.
    """

    def __init__(self, entity: str, field: str, message: str) -> None:
        super().__init__(f"{entity}: {field}: {message}")
        self.entity = entity
        self.field = field
        self.message = message
