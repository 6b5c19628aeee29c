"""What a server would take that does nothing: answers recorded once, and sent as they were."""

import re
import socket
import threading
from http.client import HTTPConnection
from typing import Self

_READ = 1 << 16
_RANGE = re.compile(rb"(?i)\r\nrange: *([^\r]+)")


class Replay:
    """Asks the server at `port` for what nobody has asked yet, and it alone of everything else."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._known: dict[tuple[bytes, bytes], bytes] = {}
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            waiting = b""
            while data := connection.recv(_READ):
                waiting += data
                while b"\r\n\r\n" in waiting:
                    head, _, waiting = waiting.partition(b"\r\n\r\n")
                    part = _RANGE.search(head)
                    asked = (head.partition(b"\r\n")[0], part[1] if part else b"")
                    if asked not in self._known:
                        self._known[asked] = self._record(*asked)
                    connection.sendall(self._known[asked])

    def _record(self, line: bytes, part: bytes) -> bytes:
        method, path, _ = line.decode().split()
        server = HTTPConnection("127.0.0.1", self._to)
        try:
            server.request(method, path, headers={"Range": part.decode()} if part else {})
            answer = server.getresponse()
            body = answer.read()
        finally:
            server.close()
        head = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        head += [f"{name}: {value}" for name, value in answer.getheaders()]
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
