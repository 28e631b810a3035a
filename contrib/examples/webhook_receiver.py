#!/usr/bin/env python3
"""A receiver of Vedette's webhooks that believes only what is signed (Standard Webhooks 1.0), with nothing but Python's own library.

    webhook_receiver.py SECRET_FILE [PORT]       # 127.0.0.1, port 9000; 0 is one that the kernel picks

    webhook "mine" { url = "http://127.0.0.1:9000/"  secret_file = "SECRET_FILE" }
"""
import base64, collections, hashlib, hmac, json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_S = 300                                  # an older message may be a copy that somebody kept
seen = collections.deque(maxlen=1000)              # ids: a message may come twice, for it comes at least once


def key_of(secret):
    """whsec_ says that base64 follows; anything else is the key itself."""
    return base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()


def is_ours(key, headers, body, now):
    """Over `id.timestamp.body`, the body byte by byte as it came: whoever parses it first has another one."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE_S:
        return False
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    want = b"v1," + base64.b64encode(digest)
    # Several may stand there, with blanks between, while a secret is changed.
    return any(hmac.compare_digest(want, one.encode()) for one in headers.get("webhook-signature", "").split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 1 << 20))
        good = is_ours(self.server.key, self.headers, body, time.time())
        if good and self.headers["webhook-id"] not in seen:
            seen.append(self.headers["webhook-id"])
            alert = json.loads(body)
            print(alert["state"], alert["severity"], alert["rule"], alert["host"], alert["summary"], alert["url"], flush=True)
        self.send_response(204 if good else 401)   # 2xx: it is ours now; anything else comes again
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 9000), Receiver)
    with open(sys.argv[1], encoding="utf-8") as file:
        server.key = key_of(file.readline().strip())
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
