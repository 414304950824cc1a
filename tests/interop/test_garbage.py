"""What is no FQ1, or not for this port, on every port of a control plane and of a subworker: refused within a bounded time, while a well-behaved
client goes on being answered, and leaving nothing behind."""

import os
import random
import socket
import struct
import time
import unittest

import zmq

import peers
import support
from peers import new_id

SOON = 8  # seconds within which what is wrong at first sight is refused
HANDSHAKE = 30  # seconds that a handshake may take

GREETING = b"\xff" + bytes(7) + b"\x01\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5\r\nAccept: */*\r\n\r\n"
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
TLS = bytes.fromhex("16030100a5010000a10303") + bytes(range(32)) + b"\x20" + bytes(range(32)) + bytes.fromhex("0006130113021303 0100 0052") + bytes(0x52)


def ready(kind, more=b""):
    """A READY command with its frame header."""
    name = lambda text: bytes([len(text)]) + text
    body = name(b"READY") + name(b"Socket-Type") + struct.pack(">I", len(kind)) + kind + more
    return command(body)


def command(body):
    return (b"\x04" + bytes([len(body)]) if len(body) < 256 else b"\x06" + struct.pack(">Q", len(body))) + body


def long_frame(size, flags=2):
    return bytes([flags]) + struct.pack(">Q", size)


def resident(pid):
    """Octets of memory of a process that are there."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Garbage(peers.Case):
    def setUp(self):
        super().setUp()
        self.control_plane, self.at = self.here("--local", "off")
        first = int(support.free_ports()[0].rsplit(":", 1)[1])
        self.subworker = self.start([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", self.control_plane.base,
                                     "--discovery-address", self.control_plane.discovery, "--base-address", f"tcp://127.0.0.1:{first}", "--task-modules", "mytasks"])
        self.subworker.wait_for("^registered with the control plane ")
        self.until_active(self.at, "w")
        self.plane_ports = {f"tasks ({level})": port for level, port in self.at.tasks.items()}
        self.plane_ports |= {"results": self.at.results, "management": self.at.management, "discovery": int(self.control_plane.discovery.rsplit(":", 1)[1])}
        self.worker_ports = {f"subworker ({level})": first + i for i, level in enumerate(peers.PRIORITIES)}
        self.all_ports = self.plane_ports | self.worker_ports
        self.steady = peers.Steady(self, self.at.normal)
        self.steady.__enter__()
        self.addCleanup(self.steady.__exit__)
        self.steady.check()

    def tearDown(self):
        for program in (self.control_plane, self.subworker):
            self.assertIsNone(program.process.poll(), program.lines)

    def each_port(self, ports=None):
        """A subtest for each port, and the port; the well-behaved client is looked after in the end."""
        for name, port in (ports or self.all_ports).items():
            yield self.subTest(port=name), port
        self.steady.check()

    def connect(self, port):
        made = socket.create_connection(("127.0.0.1", port), SOON)
        self.addCleanup(made.close)
        return made

    def read_to_end(self, made, patience=SOON):
        """What comes until the other side closes."""
        end = time.monotonic() + patience
        heard = b""
        while True:
            made.settimeout(max(0.01, end - time.monotonic()))
            try:
                octets = made.recv(65536)
            except ConnectionResetError:
                return heard
            except TimeoutError:
                self.fail(f"the connection is open after {patience} s; it said {heard!r}")
            if not octets:
                return heard
            heard += octets

    def closes(self, port, *octets, patience=SOON):
        """The octets make the other side close the connection. What it said."""
        made = self.connect(port)
        try:
            for part in octets:
                made.sendall(part)
        except (ConnectionResetError, BrokenPipeError):
            pass
        return self.read_to_end(made, patience)

    def shake_hands(self, port, kind=b"DEALER"):
        """A connection whose handshake is done."""
        made = self.connect(port)
        made.sendall(GREETING + ready(kind))
        heard = b""
        made.settimeout(SOON)
        while b"READY" not in heard or b"Socket-Type" not in heard or not heard[64:]:
            octets = made.recv(4096)
            self.assertTrue(octets, heard)
            heard += octets
        self.assertIn(b"ROUTER", heard)
        return made


class Octets(Garbage):
    def test_other_protocols_are_closed_at_once(self):
        for what in (HTTP, TLS, SSH, b"\n" * 200, b"FQ1 submit 1 add\n" * 10):
            for where, port in self.each_port():
                with where:
                    self.closes(port, what)

    def test_an_http_request_gets_no_http_answer(self):
        for where, port in self.each_port():
            with where:
                self.assertNotIn(b"HTTP", self.closes(port, HTTP))

    def test_random_octets(self):
        chance = random.Random(56)
        for where, port in self.each_port():
            with where:
                for _ in range(20):
                    self.closes(port, b"\0" + chance.randbytes(chance.randrange(1, 3000)))
                for _ in range(20):  # behind a good greeting
                    self.closes(port, GREETING, chance.randbytes(7) + bytes([chance.randrange(8, 256)]) + chance.randbytes(3000))

    def test_random_octets_behind_a_handshake(self):
        chance = random.Random(57)
        for where, port in self.each_port():
            with where:
                for _ in range(10):
                    made = self.shake_hands(port)
                    made.sendall(bytes([chance.choice((8, 16, 32, 64, 128, 255))]) + chance.randbytes(2000))
                    self.read_to_end(made)

    def test_older_and_other_greetings(self):
        plain = GREETING.replace(b"NULL\0", b"PLAIN")
        old = b"\xff" + bytes(7) + b"\x01\x7f\x01\x05"
        for what in (plain, old, b"\x01\x00", GREETING.replace(b"NULL", b"null"), b"\xff" + bytes(7) + b"\x01\x7f\x02" + bytes(53)):
            for where, port in self.each_port():
                with where:
                    self.closes(port, what)

    def test_a_giant_frame_is_refused_when_it_is_announced(self):
        before = resident(self.control_plane.process.pid), resident(self.subworker.process.pid)
        for size in (1 << 31, 1 << 63, (1 << 64) - 1):
            for flags in (2, 3, 6):
                for where, port in self.each_port():
                    with where:
                        made = self.shake_hands(port)
                        made.sendall(long_frame(size, flags))
                        self.read_to_end(made)
                        self.closes(port, GREETING, long_frame(size, flags))  # and before the handshake is done
        after = resident(self.control_plane.process.pid), resident(self.subworker.process.pid)
        for b, a in zip(before, after):
            self.assertLess(a - b, 8 << 20)

    def test_a_command_over_the_handshakes_limit(self):
        for where, port in self.each_port():
            with where:
                self.closes(port, GREETING, long_frame(5000, 6), bytes(5000))

    def test_bad_metadata(self):
        name = lambda text: bytes([len(text)]) + text
        identity = lambda value: name(b"Identity") + struct.pack(">I", len(value)) + value
        for what in (ready(b"DEALER", identity(b"x" * 256)), ready(b"DEALER", identity(b"\0bad")), ready(b"DEALER", b"\x05Iden"), ready(b"NOTHING"),
                     command(name(b"READY")), command(name(b"HELLO") + b"x"), command(b"\xffREADY"), command(b""), b"\x00\x03abc"):
            for where, port in self.each_port():
                with where:
                    self.closes(port, GREETING, what)

    def test_half_a_greeting_and_silence_ends_with_the_handshakes_time(self):
        begin = time.monotonic()
        halves = [(name, self.connect(port)) for name, port in self.all_ports.items() for _ in range(2)]
        for _, made in halves:
            made.sendall(GREETING[:32])
        trickle = halves[::2]
        open_ones = list(halves)
        at = 32
        while open_ones and time.monotonic() < begin + HANDSHAKE + 8:
            for entry in list(open_ones):
                _, made = entry
                try:
                    if entry in trickle and at < 60:
                        made.send(GREETING[at:at + 1])
                    made.settimeout(0.01)
                    while made.recv(4096):
                        pass
                    open_ones.remove(entry)
                except TimeoutError:
                    continue
                except OSError:
                    open_ones.remove(entry)
            at += 1
            self.assertIsNone(self.steady.failure)
            time.sleep(0.7)
        self.assertEqual([name for name, _ in open_ones], [], "trickled octets do not extend it")
        self.assertGreater(time.monotonic() - begin, HANDSHAKE - 5)
        self.steady.check()


class SocketTypes(Garbage):
    def test_types_that_do_not_fit_are_told_so(self):
        for kind in (b"PUB", b"XPUB", b"SUB", b"XSUB", b"PUSH", b"PULL", b"PAIR", b"REP", b"RADIO", b"SERVER"):
            for where, port in self.each_port():
                with where:
                    heard = self.closes(port, GREETING, ready(kind))
                    self.assertIn(b"\x05ERROR", heard, kind)
                    self.assertIn(kind, heard[64:])

    def test_libzmqs_own_do_no_harm(self):
        made = []
        for kind in (zmq.PUB, zmq.SUB, zmq.PUSH, zmq.PAIR, zmq.PULL):
            for port in self.all_ports.values():
                made.append(self.socket(kind))
                if kind == zmq.SUB:
                    made[-1].subscribe(b"")
                made[-1].connect(f"tcp://127.0.0.1:{port}")
        time.sleep(2)  # they connect again and again
        for one in made:
            one.close(0)
        self.steady.check()


class Messages(Garbage):
    """Good ZMTP, bad FQ1."""

    def answer(self, port, *frames):
        peer = self.peer(port)
        peer.send_frames(*frames)
        return peer.reply(SOON)

    def refused(self, code, port, *frames):
        reply = self.answer(port, *frames)
        self.expect(reply, "error", "-", code)

    def test_an_odd_number_of_frames_at_the_control_plane(self):
        for frames in ([b"FQ1 health"], [b"FQ1 get", b"", b"FQ1 get"], [b"nonsense"], [b"a", b"", b"b"]):
            for where, port in self.each_port(self.plane_ports):
                with where:
                    self.refused("bad_request", port, *frames)

    def test_what_is_no_header_at_the_control_plane(self):
        chance = random.Random(58)
        for header in (b"", b"GET / HTTP/1.1", b"FQ1", b"FQ1 ", b"FQ1 a\x1b[31m", b"FQ1 caf\xc3\xa9", b"\0" * 100, chance.randbytes(500), b"FQ1 x " + b"=" * 10):
            for where, port in self.each_port(self.plane_ports):
                with where:
                    self.refused("bad_request", port, header, b"x")

    def test_an_unknown_verb_at_the_control_plane(self):
        for where, port in self.each_port(self.plane_ports):
            with where:
                self.refused("unknown_verb", port, b"FQ1 frobnicate x=1", b"")

    def test_a_header_over_the_limit_at_the_control_plane(self):
        for size in (4097, 100_000, 1 << 20):
            for where, port in self.each_port(self.plane_ports):
                with where:
                    self.refused("too_large", port, b"FQ1 health x=".ljust(size, b"y"), b"")

    def test_a_verb_of_another_port_at_the_control_plane(self):
        for name, port in self.plane_ports.items():
            for header in (f"FQ1 submit {new_id()} add", f"FQ1 get {new_id()}", "FQ1 health", "FQ1 discover"):
                fits = ("submit" in header and "tasks" in name) or ("get" in header and name.startswith(("tasks", "results")))
                fits = fits or ("health" in header and name == "management") or ("discover" in header and name == "discovery")
                if not fits:
                    with self.subTest(port=name, header=header):
                        self.refused("wrong_port", port, header, b"")

    def test_a_frame_just_over_the_limit_is_closed_unread(self):
        for where, port in self.each_port():
            with where:
                made = self.shake_hands(port)
                made.sendall(long_frame((16 << 20) + (64 << 10) + 1))
                self.read_to_end(made)

    def test_empty_frames_without_end(self):
        for where, port in self.each_port():
            with where:
                made = self.shake_hands(port)
                try:
                    made.sendall(b"\x01\x00" * 200_000)
                except OSError:
                    pass
                self.read_to_end(made)

    def test_an_envelope_without_end(self):
        for where, port in self.each_port(self.plane_ports):
            with where:
                self.refused("bad_request", port, *[b"x"] * 1000, b"", b"FQ1 health", b"")

    def test_a_subworker_answers_a_client_that_is_wrong_there(self):
        """Roles are not mixed up: it says `wrong_port`, and the client need not wait for its time to run out."""
        for header in (f"FQ1 submit {new_id()} add", f"FQ1 call {new_id()} add", f"FQ1 get {new_id()}", "FQ1 health", "FQ1 discover"):
            for port in self.worker_ports.values():
                self.refused("wrong_port", port, header, b"[1, 2]")
            self.steady.check()

    def test_a_subworker_answers_what_it_cannot_read(self):
        for code, frames in (("bad_request", [b"FQ1 run"]), ("bad_request", [b"what", b""]), ("unknown_verb", [b"FQ1 frobnicate", b""]), ("too_large", [b"FQ1 run ".ljust(5000, b"x"), b""])):
            for port in self.worker_ports.values():
                self.refused(code, port, *frames)
            self.steady.check()

    def test_strangers_at_a_subworkers_ports_take_nobodys_answers(self):
        """They may not be the control plane: they never said `hello`."""
        strangers = [self.peer(port) for port in self.worker_ports.values()]
        for stranger in strangers:
            stranger.send_frames(b"what", b"")
        time.sleep(1)
        self.steady.check()
        for stranger in strangers:
            stranger.socket.close(0)
        self.steady.check()
        self.assertEqual(self.worker_row(self.at, "w")["state"], "active")

    def test_strangers_who_only_connect_to_a_subworker_harm_nobody(self):
        made = [self.shake_hands(port) for port in self.worker_ports.values()]
        time.sleep(1)
        self.steady.check()
        for one in made:
            one.close()
        self.steady.check()


class Traces(Garbage):
    def attack(self, chance):
        for port in self.all_ports.values():
            for what in (HTTP, TLS, GREETING + long_frame(1 << 63, 6), GREETING + ready(b"PUB"), b"\0" + chance.randbytes(500)):
                self.closes(port, what)
            made = self.shake_hands(port)
            made.sendall(long_frame(16 << 20) + chance.randbytes(1 << 20))  # not all of it ever comes
            made.close()
            peer = self.peer(port)
            peer.send_frames(b"FQ1 x ".ljust(1 << 20, b"y"), b"")
            if port in self.plane_ports.values():
                peer.reply(SOON)
            peer.socket.close(0)

    @unittest.skipIf("FASTQUEUE_SANITIZED" in os.environ, "a sanitizer keeps freed memory for itself")
    def test_memory_and_descriptors_come_back(self):
        chance = random.Random(59)
        pids = [self.control_plane.process.pid, self.subworker.process.pid]
        self.attack(chance)
        self.until(lambda: descriptors(pids[0]) < 40 and descriptors(pids[1]) < 30, "connections are gone")
        time.sleep(1.5)  # what lingers has gone as well
        before = [(resident(pid), descriptors(pid)) for pid in pids]
        for _ in range(8):
            self.attack(chance)
        for pid, (memory, files) in zip(pids, before):
            self.until(lambda pid=pid, files=files: descriptors(pid) <= files, "the descriptors come back")
            self.assertLess(resident(pid) - memory, 8 << 20)
        self.steady.check()

    def test_connections_that_say_nothing_leave_room_for_others(self):
        for port in (self.at.normal, self.at.management):
            mute = []
            for _ in range(400):
                mute.append(socket.create_connection(("127.0.0.1", port), SOON))
            self.steady.check()
            for one in mute:
                one.close()
        fresh = self.peer(self.at.normal)
        self.assertEqual(fresh.ask(f"FQ1 call {new_id()} add", "[5, 3]").value(), 8)


if __name__ == "__main__":
    support.main()
