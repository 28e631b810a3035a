// What both benches print with.

export function median(list) {
	const sorted = [...list].sort((a, b) => a - b);
	const half = sorted.length >> 1;
	return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// Rows are objects with the same keys: the first column to the left, numbers and all else to the right.
export function table(rows) {
	if (!rows.length) return '';
	const names = Object.keys(rows[0]);
	const width = names.map((name) => Math.max(name.length, ...rows.map((row) => String(row[name]).length)));
	const draw = (cells) => cells.map((cell, i) => (i ? String(cell).padStart(width[i]) : String(cell).padEnd(width[i]))).join('  ').trimEnd();
	return [draw(names), draw(width.map((n) => '-'.repeat(n))), ...rows.map((row) => draw(names.map((name) => row[name])))].join('\n');
}
