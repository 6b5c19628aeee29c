"""What a server would cost that does nothing: answers recorded once, sent again as they were."""

import socket
import threading
from http.client import HTTPConnection
from typing import Self

_READ = 1 << 16
_OWN = {"date", "connection", "transfer-encoding"}


class Replay:
    """Asks the server at `port` for what nobody has asked yet, and it alone of everything else."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._known: dict[bytes, bytes] = {}
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
                    asked = head.partition(b"\r\n")[0]
                    answer = self._known.get(asked)
                    if answer is None:
                        answer = self._known[asked] = self._record(asked)
                    connection.sendall(answer)

    def _record(self, asked: bytes) -> bytes:
        method, path, _ = asked.decode().split()
        upstream = HTTPConnection("127.0.0.1", self._to)
        try:
            upstream.request(method, path)
            answer = upstream.getresponse()
            body = answer.read()
        finally:
            upstream.close()
        fields = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        fields += [f"{k}: {v}" for k, v in answer.getheaders() if k.lower() not in _OWN]
        return "\r\n".join(fields).encode("latin-1") + b"\r\n\r\n" + body
