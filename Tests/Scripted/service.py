"""A service that does wrong what it is told to: service.py SOCKET ANSWER...

Each request gets the next answer, and the last one is repeated. Requests of `metrics` get a result, and take no answer,
but for one that begins with `probe:`. An answer is what a reply has besides its envelope, as JSON, or

    close    closes the connection
    half     sends half a reply, and closes
    silent   keeps the connection, and says nothing
    gone     closes the connection, and the socket is gone
    line X   sends X

SOCKET.log has the method of each request that took an answer. SIGTERM ends it.
"""

import json
import os
import signal
import socket
import sys
import threading

path, answers = sys.argv[1], sys.argv[2:]
lock = threading.Lock()


def answer_to(method):
    with lock:
        answer = answers[0]
        if method == "metrics":
            if not answer.startswith("probe:"):
                return '{"result": {}}'
            answer = answer.removeprefix("probe:")
        else:
            with open(path + ".log", "a") as log:
                print(method, file=log)
        if len(answers) > 1:
            answers.pop(0)
        return answer


def serve(connection):
    with connection, connection.makefile() as lines:
        for line in lines:
            request = json.loads(line)
            answer = answer_to(request["method"])
            if answer == "silent":
                continue
            if answer == "gone":
                os.unlink(path)
                # Closing alone does not end an accept that waits.
                listener.shutdown(socket.SHUT_RDWR)
            if answer in ("close", "gone"):
                return
            if answer.startswith("line "):
                reply = answer.removeprefix("line ") + "\n"
            elif answer == "half":
                reply = '{"jsonrpc": "2.0", "id": 1, "res'
            else:
                reply = json.dumps({"jsonrpc": "2.0", "id": request["id"], **json.loads(answer)}) + "\n"
            connection.sendall(reply.encode())
            if answer == "half":
                return


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
open(path + ".log", "w").close()
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
print("listening", flush=True)
while True:
    try:
        client = listener.accept()[0]
    except OSError:
        signal.pause()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
