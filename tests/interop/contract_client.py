import json, uuid, zmq
s = zmq.Context.instance().socket(zmq.REQ)
s.RCVTIMEO = 30_000
s.connect("tcp://127.0.0.1:5557")
s.send_multipart([b"FQ1 call %s add" % str(uuid.uuid4()).encode(), b"[5, 3]"])
header, value = s.recv_multipart()
assert header.split()[1:4:2] == [b"result", b"success"] and json.loads(value) == 8
