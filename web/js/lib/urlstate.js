/* urlstate.js: the part of the address that says what is shown.
 *
 *   #/VIEW?key=value&…
 *
 * After the hash, so that it works under any path of any proxy and the server
 * never has to know a view. Keys with no value are left out; what the reader
 * does not know is kept as it came. */

export function read(hash) {
	const found = /^#?\/?([^?]*)(?:\?(.*))?$/.exec(hash ?? '');
	const params = {};

	for (const [key, value] of new URLSearchParams(found?.[2] ?? ''))
		params[key] = value;
	return { view: found?.[1] ?? '', params };
}

/* Slashes, commas, stars and colons are legible and legal in a fragment. */
const encode = (text) => encodeURIComponent(text).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':');

export function write(view, params) {
	const pairs = Object.entries(params)
		.filter(([, value]) => value !== undefined && value !== null && value !== '')
		.map(([key, value]) => `${encode(key)}=${encode(String(value))}`);

	return `#/${view}${pairs.length ? `?${pairs.join('&')}` : ''}`;
}

/* A list of series as one value. An instance may hold a comma, hence ~ before it. */
export const write_list = (ids) => ids.map((id) => id.replace(/[~,]/g, '~$&')).join(',');

export function read_list(text) {
	const ids = [];
	let id = '';

	for (let i = 0; i < (text ?? '').length; i++) {
		if (text[i] === '~' && i + 1 < text.length) {
			id += text[++i];
		} else if (text[i] === ',') {
			ids.push(id);
			id = '';
		} else {
			id += text[i];
		}
	}
	return [...ids, id].filter((found) => found !== '');
}
