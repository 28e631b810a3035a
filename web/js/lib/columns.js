/* columns.js: series side by side on one time grid.
 *
 * Bucket i covers [from + i*step, from + (i+1)*step). History fills the grid,
 * live samples are folded into its last bucket or open new ones, so a chart
 * of any span is up to date within one sample. In a row, null means that the
 * value was unknown, undefined that nothing has been said yet. */

export class Columns {
	constructor(from, step) {
		this.from = from;
		this.step = step;
		this.length = 0;
		this.banded = false; /* rows may hold min and max */
		this.rows = new Map();
		this.seconds = []; /* start of each bucket, in s, as charts want it */
	}

	static from_history(history) {
		const columns = new Columns(history.from, history.step);

		columns.add_history(history);
		return columns;
	}

	/* Adds the rows of an answer on the same grid; false when it is another grid. */
	add_history({ from, step, series }) {
		const shift = (from - this.from) / this.step;

		if (step !== this.step || !Number.isInteger(shift))
			return false;
		for (const { id, unit, values, min, max } of series) {
			this.grow(shift + values.length);

			const row = this.row_for(id, unit, min !== undefined);

			for (let i = Math.max(0, -shift); i < values.length; i++) {
				row.values[i + shift] = values[i];
				if (row.min && min) {
					row.min[i + shift] = min[i];
					row.max[i + shift] = max[i];
				}
			}
		}
		return true;
	}

	row_for(id, unit = '', band = false) {
		let row = this.rows.get(id);

		if (!row) {
			row = { id, unit, values: new Array(this.length), count: 1, min: null, max: null };
			this.rows.set(id, row);
		}
		if (band && !row.min) {
			row.min = row.values.slice();
			row.max = row.values.slice();
		}
		return row;
	}

	grow(length) {
		for (; this.length < length; this.length++) {
			this.seconds.push((this.from + this.length * this.step) / 1000);
			for (const row of this.rows.values()) {
				row.values.push(undefined);
				row.min?.push(undefined);
				row.max?.push(undefined);
				row.count = 0;
			}
		}
	}

	/* One live sample of many series; values[i] belongs to ids[i]. */
	push(t, ids, values) {
		const at = Math.floor((t - this.from) / this.step);

		if (at < 0 || at < this.length - 2)
			return;
		this.grow(at + 1);
		for (let i = 0; i < ids.length; i++)
			fold(this.row_for(ids[i]), at, values[i]);
	}

	/* Forgets whole buckets before t. */
	trim(t) {
		const n = Math.min(this.length, Math.floor((t - this.from) / this.step));

		if (n <= 0)
			return;
		this.from += n * this.step;
		this.length -= n;
		this.seconds.splice(0, n);
		for (const row of this.rows.values()) {
			row.values.splice(0, n);
			row.min?.splice(0, n);
			row.max?.splice(0, n);
		}
	}

	/* Rows in which nothing is known any more, and that nobody fills. */
	forget(is_idle) {
		for (const id of this.rows.keys())
			if (is_idle(id) && this.rows.get(id).values.every((value) => value == null))
				this.rows.delete(id);
	}

	/* What the other knew and these do not: a server that was started again has
	 * forgotten what the page still has. */
	keep_from(old) {
		const shift = (old.from - this.from) / this.step;

		if (old.step !== this.step || !Number.isInteger(shift))
			return;
		for (const [id, row] of old.rows) {
			const mine = this.row_for(id, row.unit, row.min !== null);

			for (let i = Math.max(0, -shift); i < row.values.length && i + shift < this.length; i++) {
				if (row.values[i] == null || mine.values[i + shift] != null)
					continue;
				mine.values[i + shift] = row.values[i];
				if (mine.min) {
					mine.min[i + shift] = row.min?.[i] ?? row.values[i];
					mine.max[i + shift] = row.max?.[i] ?? row.values[i];
				}
			}
		}
	}

	clone() {
		const copy = new Columns(this.from, this.step);

		copy.length = this.length;
		copy.banded = this.banded;
		copy.seconds = this.seconds.slice();
		for (const [id, row] of this.rows)
			copy.rows.set(id, { ...row, values: row.values.slice(), min: row.min?.slice() ?? null, max: row.max?.slice() ?? null });
		return copy;
	}

	index_at(t) {
		return Math.max(0, Math.min(this.length - 1, Math.floor((t - this.from) / this.step)));
	}

	/* The value at t, or the nearest known one of the two buckets before. */
	value_at(id, t) {
		const values = this.rows.get(id)?.values;

		if (!values || this.length === 0 || t < this.from)
			return null;

		const at = this.index_at(t);

		return values[at] ?? values[at - 1] ?? values[at - 2] ?? null;
	}
}

function fold(row, at, value) {
	const old = row.values[at];

	if (value == null) {
		if (old === undefined)
			row.values[at] = null;
		return;
	}
	if (old == null) {
		row.count = 1;
		row.values[at] = value;
	} else {
		row.count++;
		row.values[at] = old + (value - old) / row.count;
	}
	if (row.min) {
		row.min[at] = Math.min(row.min[at] ?? value, value);
		row.max[at] = Math.max(row.max[at] ?? value, value);
	}
}

/* What a chart draws of a row: an absence short enough to be the series' own
 * interval, or one late sample, becomes undefined (the line goes on), a longer
 * one stays null (a gap). Nothing is ever filled in. */
export function with_gaps(values, step, interval) {
	const allowed = step >= 2 * interval ? 0 : Math.max(1, Math.ceil((1.5 * interval) / step) - 1);
	const out = new Array(values.length);
	let start = -1;

	for (let i = 0; i <= values.length; i++) {
		if (i < values.length && values[i] == null) {
			if (start < 0)
				start = i;
			continue;
		}
		if (start >= 0) {
			const inside = start > 0 && i < values.length;

			out.fill(inside && i - start <= allowed ? undefined : null, start, i);
			start = -1;
		}
		if (i < values.length)
			out[i] = values[i];
	}
	return out;
}

/* min, avg, max and last of the known values between two indexes. */
export function stats(row, first = 0, last = Infinity) {
	const found = { min: null, avg: null, max: null, last: null, n: 0 };
	let sum = 0;

	if (!row)
		return found;
	for (let i = Math.max(0, first); i <= Math.min(last, row.values.length - 1); i++) {
		const value = row.values[i];

		if (value == null)
			continue;

		const low = row.min?.[i] ?? value, high = row.max?.[i] ?? value;

		sum += value;
		found.n++;
		found.last = value;
		if (found.min === null || low < found.min)
			found.min = low;
		if (found.max === null || high > found.max)
			found.max = high;
	}
	if (found.n)
		found.avg = sum / found.n;
	return found;
}

/* Rows on top of each other: each output row is the sum up to and with its
 * own, at most `whole`, which they are parts of. A bucket that no row knows
 * stays as it is. */
export function stack(rows, whole = Infinity) {
	const total = [];

	return rows.map((values) => values.map((value, i) => {
		if (value == null)
			return total[i] === undefined || total[i] === null ? value : total[i];
		total[i] = Math.min((total[i] ?? 0) + value, whole);
		return total[i];
	}));
}
