"""HTTP/1.1 replies, read exactly: a head, then a body by length, in chunks, or until the end.

Where two readings of the bytes are possible the reply is refused: one byte misread, and the next
answer on the connection belongs to another prompt.
"""

MOST_HEAD = 65_536
"""Bytes of a status line and headers, and of a body's framing."""

Headers = list[tuple[bytes, bytes]]

_NO_BODY = frozenset({204, 304})


class BadReply(ValueError):
    """Not an HTTP reply, or not all of one."""


class ReplyTooLong(Exception):
    """The body passed the cap; reading stopped there."""

    def __init__(self, size: int, status: int, headers: Headers) -> None:
        super().__init__(f"more than the cap: {size} bytes were read or announced")
        self.size = size
        self.status = status
        self.headers = headers


class ReplyReader:
    """Takes one reply's bytes as they come; `feed` answers whether it is whole."""

    __slots__ = (
        "_body",
        "_buffer",
        "_cap",
        "_chunked",
        "_left",
        "_raw",
        "_trailing",
        "headers",
        "keeps_alive",
        "status",
    )

    def __init__(self, cap: int) -> None:
        self.status = 0
        self.headers: Headers = []
        self.keeps_alive = True
        """Whether the connection may carry another reply."""
        self._cap = cap
        self._raw = 0
        self._buffer = bytearray()
        self._body = bytearray()
        self._chunked = False
        self._trailing = False
        self._left: int | None = None

    @property
    def body(self) -> bytes:
        return bytes(self._body)

    @property
    def has_started(self) -> bool:
        return self._raw > 0

    def feed(self, data: bytes) -> bool:
        """Raises `BadReply` and `ReplyTooLong`; nothing may be fed after that."""
        self._raw += len(data)
        self._buffer += data
        if self.status == 0 and not self._take_head():
            return False
        whole = self._take_chunks() if self._chunked else self._take_body()
        if whole and self._buffer:
            self.keeps_alive = False  # more than was announced
        elif not whole and self._raw > self._cap + MOST_HEAD:
            raise self._too_long(len(self._body))
        return whole

    def end(self) -> None:
        """The connection ended: the end of a body without a length, and of no other."""
        if self.status == 0 or self._chunked or self._left is not None:
            raise BadReply("the reply ended in the middle")

    def _take_head(self) -> bool:
        while self.status == 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end > MOST_HEAD or (end < 0 and len(self._buffer) > MOST_HEAD):
                raise BadReply("its headers do not end")
            if end < 0:
                return False
            first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
            del self._buffer[: end + 4]
            version, status = _status(first)
            if status >= 200:  # noqa: PLR2004  (below are interim replies: the real one follows)
                self._understand(version, status, [_header(line) for line in lines])
        return True

    def _understand(self, version: bytes, status: int, headers: Headers) -> None:
        told = _framing(headers)
        if told.get(b"content-encoding", b"identity").lower() not in {b"identity", b""}:
            raise BadReply("it is compressed, which was not asked for")
        length, coding = told.get(b"content-length"), told.get(b"transfer-encoding")
        if coding is not None and (length is not None or coding.lower() != b"chunked"):
            raise BadReply("its length is told in two ways, or in an unknown one")
        self.status = status
        self.headers = headers
        self._chunked = coding is not None
        if status in _NO_BODY:
            self._left = 0
        elif length is not None:
            self._left = _number(length, b"0123456789", 10)
            if self._left > self._cap:
                raise self._too_long(self._left)
        closes = b"close" in told.get(b"connection", b"").lower() or version == b"HTTP/1.0"
        self.keeps_alive = not closes and (self._chunked or self._left is not None)

    def _take_body(self) -> bool:
        taken = len(self._buffer) if self._left is None else self._left - len(self._body)
        self._body += self._buffer[:taken]
        del self._buffer[:taken]
        if len(self._body) > self._cap:
            raise self._too_long(len(self._body))
        return len(self._body) == self._left

    def _take_chunks(self) -> bool:
        while not self._trailing:
            line = self._take_line()
            if line is None:
                return False
            size = _number(line.partition(b";")[0].rstrip(b" \t"), b"0123456789abcdefABCDEF", 16)
            if len(self._body) + size > self._cap:
                raise self._too_long(len(self._body) + size)
            if size == 0:
                self._trailing = True
            elif len(self._buffer) < size + 2:
                self._buffer[:0] = line + b"\r\n"
                return False
            elif self._buffer[size : size + 2] != b"\r\n":
                raise BadReply("a chunk is longer than it says")
            else:
                self._body += self._buffer[:size]
                del self._buffer[: size + 2]
        while (line := self._take_line()) is not None:
            if not line:
                return True
        return False

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _too_long(self, size: int) -> ReplyTooLong:
        return ReplyTooLong(size, self.status, self.headers)


def _status(line: bytes) -> tuple[bytes, int]:
    version, _, rest = line.partition(b" ")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"} or rest[3:4] not in {b" ", b""}:
        raise BadReply("it does not begin with an HTTP/1.1 status")
    status = _number(rest[:3], b"0123456789", 10)
    if not (100 <= status < 600) or status == 101:  # noqa: PLR2004
        raise BadReply(f"its status is {status}")
    return version, status


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not name or name != name.strip() or b" " in name:
        raise BadReply("a header has no name")
    return name, value.strip(b" \t")


def _framing(headers: Headers) -> dict[bytes, bytes]:
    told: dict[bytes, bytes] = {}
    for name, value in headers:
        key = name.lower()
        if key in {b"content-length", b"transfer-encoding"} and told.get(key, value) != value:
            raise BadReply(f"two values of {key.decode()}")
        told[key] = value
    return told


def _number(text: bytes, digits: bytes, base: int) -> int:
    """Digits only: Python's `int` takes signs, spaces and underscores, too."""
    if not 0 < len(text) <= 18 or text.strip(digits):  # noqa: PLR2004
        raise BadReply("a length is not a number")
    return int(text, base)
