/* history.js: asks for the past, in as few requests as the server's limits
 * allow (base/limits.h): so many arguments in a URL, so many series and values
 * in an answer. What one request is refused for is told of its patterns alone. */

import { split } from './lib/split.js';
import { get_json } from './http.js';

export const POINTS = 300;

const MOST_PATTERNS = 50; /* with the other parameters below LIMIT_HTTP_QUERY_ARGS */
const MOST_SERIES = 400;  /* below LIMIT_HISTORY_SERIES, as some may have come since they were counted */

/* count(pattern): how many series it matches, as far as the page knows.
 * → { answers, problems: Map of pattern → why }; rejects when aborted. */
export async function ask_history({ from, to, aggregate, patterns, gone, count, abort }) {
	const answers = [], problems = new Map();

	/* Refused for one bad pattern among many, the others are asked for without it. */
	async function ask(series) {
		try {
			answers.push(await get_json('api/v1/history', { from, to, points: POINTS, shape: 'columns', aggregate, gone: gone ? null : 'false', series }, abort));
		} catch (error) {
			if (error.name === 'AbortError')
				throw error;
			if (error.status === 400 && series.length > 1)
				await Promise.all([ask(series.slice(0, series.length / 2)), ask(series.slice(series.length / 2))]);
			else
				series.forEach((pattern) => problems.set(pattern, error.message));
		}
	}

	await Promise.all(split(patterns, { most_items: MOST_PATTERNS, most_weight: MOST_SERIES, weigh: (pattern) => Math.max(1, count(pattern)) }).map(ask));
	return { answers, problems };
}
