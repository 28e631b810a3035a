/* http.js: questions over HTTP, for answers that are large and compress well
 * (history, the list of series). Addresses are relative to the page, so that
 * any prefix of a proxy works. */

export async function get_json(path, params, abort) {
	const query = new URLSearchParams();

	for (const [key, value] of Object.entries(params ?? {}))
		for (const one of [].concat(value))
			if (one !== undefined && one !== null)
				query.append(key, one);
	/* Fewer bytes, and "cpu.*" stays legible in a server's log. */
	const search = query.toString().replaceAll('%2F', '/').replaceAll('%2A', '*');

	return ask(`${path}${search ? `?${search}` : ''}`, { signal: abort });
}

export const send_json = (method, path, body) => ask(path, { method, body: body && JSON.stringify(body), headers: body && { 'content-type': 'application/json' } });

async function ask(path, options) {
	let answer;

	try {
		answer = await fetch(new URL(path, document.baseURI), { ...options, credentials: 'same-origin' });
	} catch (error) {
		if (error.name === 'AbortError')
			throw error;
		throw new Error('Vedette does not answer');
	}

	const body = await answer.json().catch(() => null);

	if (!answer.ok || body?.status !== 'ok')
		throw Object.assign(new Error(body?.error ?? `the server answered ${answer.status}`), { status: answer.status });
	return body;
}
