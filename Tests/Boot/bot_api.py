"""A Bot API that knows one user, who taps "accept" once. Usage: bot_api.py PORT ORDER LOG

LOG gets one line per call: the method and its body.
"""

import http.server
import json
import sys
import threading

PORT, ORDER, LOG = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
USER = {"id": 7000000008, "is_bot": False, "first_name": "Test"}
TAP = {
    "update_id": 1,
    "callback_query": {
        "id": "1", "from": USER, "chat_instance": "1", "data": f"m:new:acc:{ORDER}",
        "message": {"message_id": 1, "date": 1, "chat": {"id": USER["id"], "type": "private"}},
    },
}
RESULTS = {
    "getMe": {"id": 1, "is_bot": True, "first_name": "Bot", "username": "offers_test_bot"},
    "getMyCommands": [],
    "sendMessage": {"message_id": 2, "date": 1, "chat": {"id": USER["id"], "type": "private"}},
}
lock = threading.Lock()
nothing_new = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        method = self.path.rsplit("/", 1)[1]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with lock, open(LOG, "a") as log:
            log.write(f"{method} {body}\n")
        result = RESULTS.get(method, True)
        if method == "getUpdates":
            asked = json.loads(body or "{}")
            result = [TAP] if (asked.get("offset") or 0) <= TAP["update_id"] else []
            if not result:
                # A long poll with nothing to tell.
                nothing_new.wait(min(asked.get("timeout", 0), 5))
        reply = json.dumps({"ok": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
