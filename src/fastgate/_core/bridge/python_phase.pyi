from typing import Any

METHOD: int
SCHEME: int
HOST: int
PATH: int
QUERY: int
CLIENT_IP: int
REQUEST_ID: int
ROUTE: int
SERVICE: int
CONSUMER_ID: int
CONSUMER_USERNAME: int
CONSUMER_CUSTOM_ID: int
CREDENTIAL: int
DROP: int
ADD: int
SET_QUERY: int
ANSWER_ADD: int
SET_METHOD: int
SET_PATH: int
SET_BODY: int
SET_SERVICE: int
SET_CONSUMER: int
METHODS: dict[str, bytes]
CONSUMERS: int
SERVICES: int
ANSWER_DROP: int
PHASES: tuple[str, ...]

class PythonQueue:
    def fileno(self) -> int: ...
    def figures(self) -> dict[str, dict[str, int]]: ...

class PythonCall:
    handle: int
    is_log: bool
    phase: str
    def is_open(self) -> bool: ...
    def fact(self, which: int) -> str | None: ...
    def fields(self) -> list[tuple[str, str]]: ...
    def outcome(self) -> tuple[int, int, int, int, int]: ...
    def body(self) -> bytes | None: ...
    def find(self, kind: int, name: str) -> tuple[int, str, str | None, str | None] | None: ...
    def kept(self) -> dict[str, Any]: ...
    def go_on(self, changes: list[tuple[int, bytes, bytes | None]] | None) -> None: ...
    def answer(self, status: int, type: bytes, body: bytes, changes: list[tuple[int, bytes, bytes | None]] | None) -> None: ...
    def refuse(self, status: int, text: bytes, changes: list[tuple[int, bytes, bytes | None]] | None) -> None: ...
    def end(self) -> None: ...
