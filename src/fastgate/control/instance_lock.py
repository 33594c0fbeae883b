"""One gateway a configuration: a lock file beside the control socket, held for as long as the process lives."""

import fcntl
import os

MODE = 0o600


class ControlSocketError(Exception):
    """The control socket can't be opened: another gateway holds it, or its directory isn't usable."""


class InstanceLock:
    """The lock of the control socket at `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock_fd = -1

    def take(self) -> None:
        """Makes the directory and takes the lock; a second call does nothing.

        Raises ControlSocketError when another gateway has it, or the directory can't be used.
        """
        if self._lock_fd >= 0:
            return
        _make_directory(os.path.dirname(self.path))
        lock_path = self.path + ".lock"
        while True:
            try:
                fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
            except OSError as error:
                raise ControlSocketError(
                    f"cannot open the control socket's lock {lock_path}: {error.strerror}") from None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                raise ControlSocketError(
                    f"another gateway is running with this configuration (it holds {self.path}): "
                    "`fastgate reload` changes it, `fastgate stop` ends it") from None
            if _is_same_file(fd, lock_path):
                self._lock_fd = fd
                return
            os.close(fd)        # its former holder has just removed it

    def release(self) -> None:
        if self._lock_fd >= 0:
            unlink_quietly(self.path + ".lock")
            os.close(self._lock_fd)
            self._lock_fd = -1


def _make_directory(directory: str) -> None:
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        found = os.stat(directory)
    except OSError as error:
        raise ControlSocketError(f"cannot make the control socket's directory {directory}: {error.strerror}") from None
    # In /tmp anybody may have made the directory first, to put a socket of their own there.
    if found.st_uid not in (0, os.geteuid()):
        raise ControlSocketError(f"the control socket's directory {directory} belongs to another user: "
                                 "set gateway.control_socket or $XDG_RUNTIME_DIR")


def _is_same_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def unlink_quietly(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
