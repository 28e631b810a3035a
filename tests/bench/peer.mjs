// The Node side of the Socket.IO bench: the reference server in its stock settings, keeping the contract of README.md.
// WS_ENGINE=eiows swaps the WebSocket engine. Prints "port N" when it listens; run it with --expose-gc.

import { createServer } from 'node:http';
import { Server } from 'socket.io';

const engine = process.env.WS_ENGINE;
const wsEngine = engine ? (await import(engine)).Server ?? (await import(engine)).default.Server : undefined;
const http = createServer();
const io = new Server(http, wsEngine ? { wsEngine } : {});

const pending = []; // bursts: what is left of each, first come first served
let pumping = false;

function pump() {
	const burst = pending[0];
	const now = Math.min(burst.perTurn, burst.n);
	for (let i = 0; i < now; i++) io.emit('b', burst.payload);
	burst.n -= now;
	if (!burst.n) pending.shift();
	pumping = pending.length > 0;
	if (pumping) setImmediate(pump);
}

function burst({ n, size, perTurn }) {
	pending.push({ n, perTurn, payload: 'b'.repeat(size) });
	if (!pumping) {
		pumping = true;
		setImmediate(pump);
	}
}

function tick({ size, everyMs, seconds }) {
	const payload = 't'.repeat(size);
	let left = Math.round((seconds * 1000) / everyMs);
	const timer = setInterval(() => {
		io.emit('t', String(process.hrtime.bigint()), payload);
		if (!--left) clearInterval(timer);
	}, everyMs);
}

function stats(ack) {
	const { user, system } = process.cpuUsage();
	ack({ rss: process.memoryUsage.rss(), cpu: user + system, clients: io.engine.clientsCount });
}

function collect(ack) {
	global.gc();
	global.gc(); // what the first one's finalizers let go
	ack();
}

io.on('connection', (socket) => {
	socket.on('ack', (...args) => args.pop()(...args));
	socket.on('burst', burst);
	socket.on('tick', tick);
	socket.on('gc', collect);
	socket.on('stats', stats);
});

http.listen(0, '127.0.0.1', () => console.log(`port ${http.address().port}`));
