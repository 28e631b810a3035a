"""The client of python-socketio, driven from a test: one connection, one report as JSON on stdout.

    client.py URL NAMESPACE TRANSPORT [AUTH]

It connects, sends what SCRIPT says, and reports what came. TRANSPORT is polling, websocket or both
(the client upgrades by itself then)."""

import json
import sys
import threading

import socketio

# What is sent as the arguments of `message`, one list each; bytes are told as {"bytes": hex}.
SCRIPT = [
    [],
    [1, -2.5, "text", True, False, None, [], {}],
    ["Ä Я て 😀", "\u2028", "\"\\\n"],
    [{"a": [{"b": {"c": [1, [2, [3]]]}}]}],
    [b"\x01\x02\x03"],
    [bytes(range(256)), {"in": [b"", "x", {"deep": b"\xff"}]}, "end"],
    ["x" * 100000],
    [b"\x07" * 100000],
]
WAIT = 20
JOIN_WAIT = 5  # a refusal is reported only when this is over


def plain(value):
    """Bytes as hex, so that JSON can carry them."""
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def listen(client, namespace, report):
    """Fills the report as events come; `complete` is set when every echo is there."""
    complete = threading.Event()

    def on_echo(*args):
        report["echoes"].append(plain(args))
        if len(report["echoes"]) == len(SCRIPT):
            complete.set()

    client.on("auth", lambda auth: report.update(auth=auth), namespace=namespace)
    client.on("message-back", on_echo, namespace=namespace)
    client.on("connect_error", lambda error: report.update(error=plain(error)), namespace=namespace)
    return complete


def talk(client, namespace, complete, report):
    report["sid"] = client.get_sid(namespace)
    report["same"] = report["sid"] == client.eio.sid
    if namespace != "/":
        return
    for args in SCRIPT:
        client.emit("message", tuple(args), namespace=namespace)
    report["complete"] = complete.wait(WAIT)
    report["acks"] = [plain(client.call("message-with-ack", tuple(args), namespace=namespace, timeout=WAIT)) for args in SCRIPT[1:6]]
    client.sleep(0.8)  # more than two heartbeats of the base server
    report["alive"] = plain(client.call("message-with-ack", "alive", namespace=namespace, timeout=WAIT))
    report["transport"] = client.transport()


def main(url, namespace, transport, auth="null"):
    report = {"echoes": []}
    client = socketio.Client(reconnection=False)
    complete = listen(client, namespace, report)
    transports = ["polling", "websocket"] if transport == "both" else [transport]
    try:
        client.connect(url, auth=json.loads(auth), transports=transports, namespaces=[namespace], wait_timeout=JOIN_WAIT)
        talk(client, namespace, complete, report)
    except socketio.exceptions.ConnectionError as error:
        report["refused"] = str(error)
    client.disconnect()
    report["left"] = not client.connected
    print(json.dumps(dict(report)))  # a copy: the client's own thread may still add to it


main(*sys.argv[1:])
