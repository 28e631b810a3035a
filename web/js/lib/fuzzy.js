/* fuzzy.js: how well a few typed letters name a thing. */

/* Higher is better, 0 is no match. Every word must be found; whole words and
 * beginnings beat letters scattered in order. */
export function score(query, text) {
	const name = text.toLowerCase();
	let total = 1;

	for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
		const points = score_word(word, name);

		if (points === 0)
			return 0;
		total += points;
	}
	/* Of equals, the shorter name. */
	return total - name.length / 1000;
}

function score_word(word, name) {
	const at = name.indexOf(word);

	if (at >= 0)
		return 20 + (at === 0 ? 10 : 0) + (at > 0 && /[^a-z0-9]/.test(name[at - 1]) ? 5 : 0);

	let from = 0, jumps = 0;

	for (const letter of word) {
		const next = name.indexOf(letter, from);

		if (next < 0)
			return 0;
		if (next > from)
			jumps++;
		from = next + 1;
	}
	return Math.max(1, 10 - jumps * 3) * (jumps <= 3 ? 1 : 0);
}

export function rank(query, items, text_of, most = 50) {
	return items
		.map((item) => ({ item, points: score(query, text_of(item)) }))
		.filter(({ points }) => points > 0)
		.sort((a, b) => b.points - a.points)
		.slice(0, most)
		.map(({ item }) => item);
}
