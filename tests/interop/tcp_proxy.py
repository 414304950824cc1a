"""A TCP proxy that does to octets what networks do: it holds them back in either direction, delays them, or lets them go one at a time."""

import socket
import threading
import time


class Way:
    """One direction of all connections of a proxy."""

    def __init__(self):
        self._open = threading.Event()
        self._open.set()
        self.delay = 0  # seconds
        self.at_once = 65536  # octets in a segment
        self.pace = 0  # seconds between segments
        self.passed = 0  # octets

    def hold(self):
        """Nothing comes through, an end of a connection included; both sides still seem to be connected."""
        self._open.clear()

    def go_on(self):
        self._open.set()

    def send(self, to, octets):
        came = time.monotonic()
        for at in range(0, len(octets), self.at_once):
            time.sleep(max(0.0, came + self.delay - time.monotonic() if at == 0 else self.pace))
            self._open.wait()
            to.sendall(octets[at:at + self.at_once])
            self.passed += len(octets[at:at + self.at_once])

    def wait_until_open(self):
        self._open.wait()


class Proxy:
    """Listens on `host`, on the port that `port` has on 127.0.0.1, and connects whoever comes with that one. `there` and `back` may be shared."""

    def __init__(self, host, port, there=None, back=None):
        self.there, self.back = there or Way(), back or Way()
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server((host, port))
        self.connections = 0  # so far
        self._made, self._threads = [], []
        self._begin(self._accept)

    def _begin(self, function, *arguments):
        self._threads.append(threading.Thread(target=function, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self):
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._made += [near, far]
            self._begin(self._pump, near, far, self.there)
            self._begin(self._pump, far, near, self.back)

    def _pump(self, source, to, way):
        try:
            while octets := source.recv(65536):
                way.send(to, octets)
            way.wait_until_open()
            to.shutdown(socket.SHUT_WR)
        except OSError:  # one of the ends is gone
            way.wait_until_open()
            shut(source)
            shut(to)

    def cut(self):
        """Ends all connections; new ones may be made."""
        for end in list(self._made):
            shut(end)

    def close(self):
        shut(self._server)
        for way in (self.there, self.back):
            way.at_once, way.delay, way.pace = 65536, 0, 0
            way.go_on()
        self.cut()
        for thread in self._threads:
            thread.join(5)
        for end in (self._server, *self._made):
            end.close()


def shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
