/* wire.mjs: stands between the page and the server's WebSocket, to give a
 * quiet test host a bad day: values that are too high, a table of 5000 rows. */

/* change(id, value) → what the page is told of a series.
 * answer(event, question) → an answer of our own, or undefined. */
export async function interpose(page, { change = (id, value) => value, answer = () => undefined }) {
	await page.routeWebSocket(/socket\.io/, (ws) => {
		const server = ws.connectToServer();
		const asked = new Map();
		let ids = [];

		ws.onMessage((message) => {
			const found = typeof message === 'string' && /^42(\d+)(\[.*)$/s.exec(message);

			if (found) {
				const [event, question] = JSON.parse(found[2]), own = answer(event, question);

				asked.set(found[1], event);
				if (own !== undefined) {
					ws.send(`43${found[1]}${JSON.stringify([own])}`);
					return;
				}
			}
			server.send(message);
		});
		server.onMessage((message) => {
			const acked = typeof message === 'string' && /^43(\d+)(\[.*)$/s.exec(message);

			if (acked && asked.get(acked[1]) === 'watch')
				ids = JSON.parse(acked[2])[0].series.map((series) => series.id);
			if (typeof message === 'string' && message.startsWith('42["watched"'))
				ids = JSON.parse(message.slice(2))[1].series.map((series) => series.id);
			if (typeof message === 'string' && message.startsWith('42["frame"')) {
				const [name, gen, t, values] = JSON.parse(message.slice(2));

				ws.send(`42${JSON.stringify([name, gen, t, values.map((value, i) => change(ids[i], value))])}`);
				return;
			}
			ws.send(message);
		});
	});
}
