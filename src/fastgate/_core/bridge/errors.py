"""What the core raises to Python."""


class SnapshotError(Exception):
    """A configuration that cannot be compiled. Nothing was published.

    entity: which one, as 'route "name"'; field: its field, as 'paths[1]'; message: what is wrong and what to do.
    id: the entity's, None when the builder does not know it. place: "file:line: path", once the control plane has found it.
    """

    def __init__(self, entity: str, field: str, message: str, id: str | None = None) -> None:
        super().__init__(entity, field, message)
        self.entity = entity
        self.field = field
        self.message = message
        self.id = id
        self.place: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else f"{self.entity}: {self.field}: {self.message}"
