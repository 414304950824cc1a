import json, queue, threading, time, uuid, zmq
tasks = {"add": lambda x, y: x + y}
me = b"py1 incarnation=" + str(uuid.uuid4()).encode()
register = [b"FQ1 register " + me + b" concurrency=1", json.dumps({"tasks": list(tasks)}).encode()]
runs, out = queue.Queue(), queue.Queue()

def work():                                        # the handler never holds up the heartbeats
    while True:
        id, attempt, name, payload = runs.get()
        try:
            args = json.loads(payload or b"[]")
            f = tasks[name.decode()]
            value = f(**args) if isinstance(args, dict) else f(*args)
            out.put([b"FQ1 done %s %s success" % (id, attempt), json.dumps(value).encode()])
        except Exception as e:
            out.put([b"FQ1 done %s %s failure" % (id, attempt), str(e).encode()])

threading.Thread(target=work, daemon=True).start()
s = zmq.Context.instance().socket(zmq.DEALER)
s.connect("tcp://127.0.0.1:5560")
s.send_multipart(register)
beat = time.monotonic()
while True:
    if s.poll(5):
        frames = s.recv_multipart()
        for header, payload in zip(frames[::2], frames[1::2]):
            _, verb, *rest = header.split()
            if verb == b"run":
                runs.put((*rest[:3], payload))
            elif verb == b"error":                 # the control plane has restarted, or our name is taken
                time.sleep(1)
                s.send_multipart(register)
    while not out.empty():
        s.send_multipart(out.get())
    if time.monotonic() - beat > 5:
        beat = time.monotonic()
        s.send_multipart([b"FQ1 heartbeat " + me + b" running=%d" % runs.qsize(), b""])
