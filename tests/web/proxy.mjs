/* proxy.mjs: a reverse proxy as bad ones are: it serves under a prefix and
 * refuses WebSocket. */

import { createServer, request } from 'node:http';

export async function start_proxy(port, prefix) {
	const server = createServer((from, answer) => {
		if (!from.url.startsWith(prefix)) {
			answer.writeHead(404).end();
			return;
		}

		const to = request({ host: '127.0.0.1', port, path: `/${from.url.slice(prefix.length)}`, method: from.method, headers: from.headers }, (got) => {
			answer.writeHead(got.statusCode, got.headers);
			got.pipe(answer);
		});

		to.on('error', () => answer.destroy());
		from.pipe(to);
	});

	server.on('upgrade', (from, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'));
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	return {
		url: `http://127.0.0.1:${server.address().port}${prefix}`,
		stop() {
			server.closeAllConnections();
			server.close();
		},
	};
}
