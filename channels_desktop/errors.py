"""The few errors raised on purpose, each named by whose fault it is.

Words for people live in `ui/words.py`; here are facts only. Nothing in this module imports anything of the project.
"""

from __future__ import annotations

import errno
from enum import Enum


class ChannelsError(Exception):
    """Any error that this project raises on purpose."""


class WireError(ChannelsError):
    """Bytes from outside do not follow the encoding they claim.

    `kind` is the class of error in the words of wire-format section 13 (`eof`, `not_envelope`, `unknown_field`...).
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


class ProtocolError(ChannelsError):
    """A well formed message breaks the rules of a sub-protocol.

    `protocol` and `code` are what a Response names (wire-format section 9), `status` its class, `note` words for the
    other side.
    """

    def __init__(self, protocol: bytes, code: int, note: str = "", *, status: int = 1) -> None:
        super().__init__(f"{protocol.decode('ascii', 'replace')}:{code} {note}".rstrip())
        self.protocol = protocol
        self.code = code
        self.note = note
        self.status = status


class Cause(Enum):
    """What keeps a host, or a node, from serving; each has its own words."""

    UNKNOWN = "unknown"
    ADDRESS = "address"  # what was given is no address of a host
    INSECURE = "insecure"  # plain http, beyond this computer and its network
    NAME = "name"  # nobody knows the name
    CLOSED = "closed"  # nothing listens at that port
    UNREACHABLE = "unreachable"  # no way leads there
    SILENT = "silent"  # no answer in time
    CERTIFICATE = "certificate"  # of nobody whom this computer trusts
    CERTIFICATE_DATE = "certificate_date"
    CERTIFICATE_NAME = "certificate_name"
    NO_TLS = "no_tls"  # https was asked for, and is not spoken there
    BROKEN = "broken"  # the line broke
    NOT_A_HOST = "not_a_host"  # something else answers
    NONSENSE = "nonsense"  # a host answers what makes no sense
    NO_TOKEN = "no_token"  # noqa: S105 - a code: one is asked for
    TOKEN = "token"  # noqa: S105 - a code: the one that was shown is refused
    GONE = "gone"  # the account or mailbox is no more
    FULL = "full"  # no room for more
    BUSY = "busy"
    UNPAID = "unpaid"
    FAILING = "failing"  # the host says that it has a fault


class TransportError(ChannelsError):
    """A host or a node could not be reached or gave no usable answer; the same call may succeed later.

    `retry_at` is the earliest time worth trying again (nanoseconds since 1970), or None where nothing is known.
    `gone` says that the other side refused for good: the mailbox or token no longer exists. `cause` is what people
    are told.
    """

    def __init__(
        self, detail: str, *, retry_at: int | None = None, gone: bool = False, cause: Cause = Cause.UNKNOWN
    ) -> None:
        super().__init__(detail)
        self.retry_at = retry_at
        self.gone = gone
        self.cause = cause


class StoreCause(Enum):
    """Why a store fails, where that is known and its files are not to blame; those have `Damaged`."""

    BUSY = "busy"
    FOREIGN = "foreign"  # the file is another program's
    FULL = "full"
    MEMORY = "memory"
    NEWER = "newer"  # the file was written by a newer version of this program
    READ_ONLY = "read_only"
    UNREADABLE = "unreadable"  # the system's own error, whatever it is
    WORN = "worn"  # damage met while the file was in use


class StoreError(ChannelsError):
    """The database or a file of the data folder cannot be opened, read or written."""

    def __init__(self, detail: str = "", cause: StoreCause | None = None) -> None:
        super().__init__(detail)
        self.cause = cause


class Part(Enum):
    """A file of the data folder, as far as what it is for goes."""

    ACCOUNT = "account"  # key file and database together
    KEY_FILE = "key_file"
    DATABASE = "database"
    LOG = "log"  # what SQLite has committed and not yet written into the database
    MARK = "mark"  # says that the database was closed in order
    CONNECTION = "connection"


class Damage(Enum):
    """What is wrong with a file."""

    MISSING = "is missing"
    EMPTY = "is empty"
    CUT = "ends too early"
    CHANGED = "is damaged"
    UNFIT = "does not open with the key of this folder"


class Damaged(StoreError):
    """A file of the data folder is not as this program left it. Nothing was opened for writing, nothing is changed."""

    def __init__(self, part: Part, damage: Damage, file: str) -> None:
        super().__init__(f"{file} {damage.value}")
        self.part = part
        self.damage = damage
        self.file = file


class WrongPassphrase(StoreError):
    """The passphrase does not open this data folder."""


class AlreadyRunning(StoreError):
    """Another process works on this folder; `pid` is its number, None where it is not known."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"the folder is in use by process {pid}" if pid else "the folder is in use by another process")
        self.pid = pid


class NotAnswering(AlreadyRunning):
    """Another process works on this folder, and does not answer."""


class FolderFault(Enum):
    """Why a folder cannot be used."""

    NO_HOME = "no_home"  # the system names no home folder, or none with an absolute path
    NOT_A_FOLDER = "not_a_folder"
    FORBIDDEN = "forbidden"
    READ_ONLY = "read_only"
    FULL = "full"
    UNUSABLE = "unusable"  # for any other reason


_FAULTS = {
    errno.EEXIST: FolderFault.NOT_A_FOLDER,
    errno.ENOTDIR: FolderFault.NOT_A_FOLDER,
    errno.EACCES: FolderFault.FORBIDDEN,
    errno.EPERM: FolderFault.FORBIDDEN,
    errno.EROFS: FolderFault.READ_ONLY,
    errno.ENOSPC: FolderFault.FULL,
    errno.EDQUOT: FolderFault.FULL,
}


class FolderUnusable(StoreError):
    """A data folder cannot be made, or nothing can be written into it. `path` is the folder, "" where there is none."""

    def __init__(self, path: str, fault: FolderFault, detail: str = "") -> None:
        super().__init__(f"{path}: {detail or fault.value}")
        self.path = path
        self.fault = fault

    @classmethod
    def because(cls, path: str, error: OSError) -> FolderUnusable:
        """Return what an error of the system says about a folder."""
        fault = _FAULTS.get(error.errno or 0, FolderFault.UNUSABLE)
        return cls(path, fault, error.strerror or type(error).__name__)


class TxRejected(ChannelsError):
    """The network refuses a transaction for good.

    `reason` is the node's own text, for details only.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InsufficientFunds(ChannelsError):
    """The free coins do not reach. `needed` and `available` are satoshis."""

    def __init__(self, needed: int, available: int) -> None:
        super().__init__(f"needs {needed} satoshis, {available} are free")
        self.needed = needed
        self.available = available


class WalletLocked(ChannelsError):
    """Keys are needed while the wallet is locked."""


class Refused(ChannelsError):
    """What the user asked for cannot be done now; `reason` is a code that `ui/words.py` turns into a sentence."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Misuse(ChannelsError):
    """Our own code broke one of its rules: a bug. Never caught on purpose."""
