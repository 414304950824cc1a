"""A client and a worker as the wire contract shows them, and those that docs/protocol.md prints, run as they are: only the default ports give way
where they are taken."""

import pathlib
import re
import signal
import sys

import peers
import support

HERE = pathlib.Path(__file__).resolve().parent
CONTRACT = HERE.parents[1] / "docs" / "protocol.md"
DEFAULTS = {"base": "tcp://127.0.0.1:5555", "discovery": "tcp://127.0.0.1:5550", "port": 5560}


def default_ports_are_free():
    return all(support.is_free(port) for port in (5550, *range(5555, 5561)))


class ContractPrograms(peers.Case):
    def contract_plane(self, *options, **more):
        """A control plane on the default ports, or on others. Its ports, and what stands for them in the programs."""
        if default_ports_are_free():
            plane = self.plane(*options, **DEFAULTS, **more)
        else:
            plane = self.plane(*options, **more)
        ports = self.ports(plane)
        return plane, ports, {"5557": ports.normal, "5560": ports.management}

    def program(self, name, instead):
        return self.run_text(name, (HERE / name).read_text(), instead)

    def run_text(self, name, text, instead):
        for port, other in instead.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{other}")
        path = pathlib.Path(self.folder, name)
        path.write_text(text)
        return self.start([sys.executable, str(path)])

    def call(self, ports, *arguments, name="add", patience=support.PATIENCE):
        return self.peer(ports.normal).ask(f"FQ1 call {peers.new_id()} {name} meta=1", support.json.dumps(arguments), patience)

    def test_the_client_is_answered(self):
        _, _, instead = self.contract_plane()
        client = self.program("contract_client.py", instead)
        self.assertEqual(client.wait(), 0, client.lines)

    def test_the_worker_answers_calls(self):
        _, ports, instead = self.contract_plane("--local", "off", modules=())
        worker = self.program("contract_worker.py", instead)
        reply = self.call(ports, 20, 3)
        self.expect(reply, "result", worker="py1")
        self.assertEqual(reply.value(), 23)
        for arguments, value in (([1, 2], 3), ({"x": "a", "y": "b"}, "ab"), ([[1], [2]], [1, 2])):
            reply = self.peer(ports.normal).ask(f"FQ1 call {peers.new_id()} add", support.json.dumps(arguments))
            self.assertEqual((reply.words[1], reply.value()), ("success", value))
        wrong = self.call(ports, 1)
        self.assertEqual((wrong.words[1], wrong.fields["code"]), ("failure", "handler_error"))
        self.assertIn(b"missing", wrong.payload)
        self.assertIsNone(worker.process.poll())

    def test_both_programs_together(self):
        _, _, instead = self.contract_plane("--local", "off", modules=())
        self.program("contract_worker.py", instead)
        clients = [self.program("contract_client.py", instead) for _ in range(3)]
        for client in clients:
            self.assertEqual(client.wait(), 0, client.lines)

    def test_the_worker_registers_again_when_it_was_forgotten(self):
        plane, ports, instead = self.contract_plane("--local", "off", "--worker-timeout", "1", modules=())
        worker = self.program("contract_worker.py", instead)
        self.expect(self.call(ports, 1, 2), "result")
        self.addCleanup(lambda: worker.process.poll() is None and worker.signal(signal.SIGCONT))
        worker.signal(signal.SIGSTOP)
        self.until(lambda: self.worker_row(ports, "py1").get("state") != "active", "its silence is noticed")
        worker.signal(signal.SIGCONT)
        self.assertEqual(self.call(ports, 4, 5).value(), 9)

    def test_a_worker_that_is_killed_loses_no_task(self):
        _, ports, instead = self.contract_plane("--local", "off", modules=())
        victim = self.program("contract_worker.py", instead)
        self.until_active(ports, "py1")
        victim.signal(signal.SIGSTOP)  # so that the task is certainly at it, unanswered
        client = self.peer(ports.normal)
        task = peers.new_id()
        client.send((f"FQ1 call {task} add meta=1", "[5, 3]"))
        get = self.peer(ports.results)
        self.until(lambda: get.ask(f"FQ1 get {task}").words[1] == "running", "the worker has the task")
        victim.kill()
        self.program("contract_worker.py", instead)
        reply = self.expect(client.reply(), "result", task, "success", attempt="2")
        self.assertEqual(reply.value(), 8)

    def documented(self, what):
        """A program out of docs/protocol.md: the one that has `what` in it."""
        programs = re.findall(r"^```python\n(.*?)^```$", CONTRACT.read_text(), re.MULTILINE | re.DOTALL)
        (found,) = [program for program in programs if what in program]
        return found

    def test_the_programs_of_the_document_run_as_printed(self):
        _, _, instead = self.contract_plane("--local", "off", modules=())
        self.run_text("documented_worker.py", self.documented("FQ1 register"), instead)
        client = self.run_text("documented_client.py", self.documented("FQ1 call"), instead)
        self.assertEqual(client.wait(), 0, client.lines)
        self.assertEqual(client.lines[-1], "success 8")


if __name__ == "__main__":
    support.main()
