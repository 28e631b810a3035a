/* table.js: which rows of a table are where. Pure; the DOM is in parts/grid.js. */

/* Keeps rows where the reader's pointer found them: rows already on screen
 * stay in their order with new values, those that left are marked gone, new
 * ones wait. key_of names a row. */
export function hold_order(shown, fresh, key_of) {
	const by_key = new Map(fresh.map((row) => [key_of(row), row]));

	return shown.map((row) => by_key.get(key_of(row)) ?? { ...row, gone: true });
}

/* The rows to draw so that `height` pixels from `top` are covered. */
export function window_of(top, height, row_height, total, spare = 8) {
	const first = Math.max(0, Math.floor(top / row_height) - spare);
	const last = Math.min(total, Math.ceil((top + height) / row_height) + spare);

	return { first: Math.min(first, total), last: Math.max(last, Math.min(first, total)) };
}

/* Unknown values come last, whichever way the others are sorted. */
export function compare(a, b, direction) {
	if (a == null || b == null)
		return (a == null) - (b == null);
	if (typeof a === 'string')
		return a.localeCompare(b, 'en', { numeric: true, sensitivity: 'base' }) * direction;
	return (a - b) * direction;
}
