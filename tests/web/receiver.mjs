/* receiver.mjs: what a webhook posts to. Keeps what came; /broken is always
 * out of order. */

import { createServer } from 'node:http';

export async function start_receiver() {
	const got = [];
	const server = createServer((request, answer) => {
		let body = '';

		request.on('data', (part) => { body += part; });
		request.on('end', () => {
			const broken = request.url === '/broken';

			got.push({ path: request.url, id: request.headers['webhook-id'], body });
			answer.writeHead(broken ? 503 : 204).end(broken ? 'out of order' : '');
		});
	});

	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	return {
		got,
		url: `http://127.0.0.1:${server.address().port}`,
		stop() {
			server.closeAllConnections();
			server.close();
		},
	};
}
