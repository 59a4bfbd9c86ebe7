"""Keeps a service busy while something is done to it, and says what its clients saw.

Usage: load.py SOCKET RATE COMMANDS

Some clients keep their connection, some make one per request, as socat does. They list and look at what master 100 is
offered (orders 1007 to 1009), and masters 101 to 120 accept orders from 10001 on, each order once and again only if
its connection was closed without a reply. Each line of the file COMMANDS is run by bash, the next one when another 500
requests have been answered since the last one ended. Exit status 0: every connection was taken, every request was
answered or its connection closed, every answer was right, and every command succeeded.
"""

import collections
import json
import socket
import subprocess
import sys
import threading
import time

PATH, RATE, COMMANDS = sys.argv[1], float(sys.argv[2]), sys.argv[3]
CLIENTS = 20
BETWEEN = 500
LISTED = [1007, 1008, 1009]

changed = threading.Condition()
counts = collections.Counter()
faults = []
stopping = False


def count(what, fault=None):
    with changed:
        counts[what] += 1
        if fault is not None and len(faults) < 10:
            faults.append(f"{what}: {fault}")
        changed.notify_all()


class Client:
    def __init__(self, number):
        self.number, self.keeps = number, number % 2 == 0
        self.connection = None
        self.slowest = 0.0

    def call(self, method, **params):
        """The reply; None if the connection ended without one."""
        if self.connection is None:
            self.connection = socket.socket(socket.AF_UNIX)
            self.connection.settimeout(10)
            try:
                self.connection.connect(PATH)
            except OSError as error:
                count("refused", repr(error))
                self.connection = None
                return None
            self.lines = self.connection.makefile("rb")
        try:
            request = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
            self.connection.sendall(json.dumps(request).encode() + b"\n")
            line = self.lines.readline()
        except TimeoutError:
            count("lost", method)
            line = b""
        except OSError:
            line = b""
        if not self.keeps or not line.endswith(b"\n"):
            self.lines.close()
            self.connection.close()
            self.connection = None
        return json.loads(line) if line.endswith(b"\n") else None

    def insist(self, method, right, **params):
        """Calls until there is an answer to judge. True: it was the right one."""
        repeated = False
        began = time.monotonic()
        while not stopping:
            reply = self.call(method, **params)
            if reply is None:
                count("closed")
            elif reply.get("error", {}).get("data", {}).get("reason") == "SHUTTING_DOWN":
                count("shutting down")
            else:
                break
            repeated = True
            time.sleep(0.01)
        else:
            return False
        self.slowest = max(self.slowest, time.monotonic() - began)
        if reply.get("id") == self.number and "result" in reply and right(reply["result"], repeated):
            count("answered")
            return True
        count("wrong", reply)
        return False

    def run(self, orders):
        due = time.monotonic()
        turn = 0
        while not stopping:
            turn += 1
            if turn % 10 == 0:
                order = next(orders)
                if self.insist(
                        "acceptOffer",
                        lambda result, again: result["orderId"] == order and (again or not result["alreadyAccepted"]),
                        masterId=101 + order % 20, orderId=order):
                    count("accepted")
            elif turn % 3 == 0:
                self.insist("getOffer", lambda result, _: result["offer"]["orderId"] == 1008, masterId=100, orderId=1008)
            else:
                self.insist(
                    "listOffers",
                    lambda result, _: sorted(offer["orderId"] for offer in result["offers"]) == LISTED,
                    masterId=100)
            due = max(due + CLIENTS / RATE, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))


def main():
    global stopping
    with open(COMMANDS) as file:
        commands = [line.strip() for line in file if line.strip()]
    clients = [Client(number) for number in range(CLIENTS)]
    # Each client has its orders, so that none is offered twice: 10001 + number, and every 20th after it.
    threads = [
        threading.Thread(target=client.run, args=(iter(range(10001 + client.number, 22001, CLIENTS)),), daemon=True)
        for client in clients
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for command in commands + [None]:
        with changed:
            enough = counts["answered"] + BETWEEN
            if not changed.wait_for(lambda: counts["answered"] >= enough, timeout=60):
                count("stuck", f"no {BETWEEN} answers in 60 s")
                break
        if command is not None:
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True)
            count("commands")
            if done.returncode != 0:
                count("failed", f"{command}: {done.stdout}{done.stderr}")
    seconds = time.monotonic() - began
    stopping = True
    for thread in threads:
        thread.join(timeout=15)
        if thread.is_alive():
            count("stuck", "a client does not end")
    slowest = max(client.slowest for client in clients)
    print(
        f"{counts['answered']} right answers in {seconds:.1f} s ({counts['answered'] / seconds:.0f}/s), "
        f"{counts['accepted']} of them accepts, over {counts['commands']} restarts; "
        f"refused connections {counts['refused']}, lost replies {counts['lost']}, wrong answers {counts['wrong']}; "
        f"closed without a reply and repeated {counts['closed']}, told SHUTTING_DOWN {counts['shutting down']}; "
        f"slowest {slowest * 1000:.0f} ms")
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if any(counts[fault] for fault in ("refused", "lost", "wrong", "stuck", "failed")) else 0)


main()
