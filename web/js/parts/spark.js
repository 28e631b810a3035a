/* spark.js: the small line in a tile: its shape over the shown range, and the
 * threshold that it may cross. No axes: the chart below has them. */

import { faded } from '../theme.js';

/* size: of the element, as its observer told: reading it here would force a
 * layout. highest: of each point where points are wide, or null. limit: or null.
 * shade: a stretch behind the line, { from, to (shares of the width), colour }. */
export function draw_spark(canvas, { size, values, highest, first, last, low, high, limit, colour, limit_colour, shade = null }) {
	const ratio = devicePixelRatio || 1, width = Math.round(size.width * ratio), height = Math.round(size.height * ratio);

	if (!width || !height)
		return;
	if (canvas.width !== width || canvas.height !== height) {
		canvas.width = width;
		canvas.height = height;
	}

	const ctx = canvas.getContext('2d');
	const x = (i) => ((i - first) / Math.max(1, last - first)) * width;
	const y = (value) => height - ratio - ((value - low) / (high - low || 1)) * (height - 2 * ratio);

	ctx.clearRect(0, 0, width, height);
	if (shade) {
		const left = Math.max(0, shade.from) * width;

		ctx.fillStyle = faded(shade.colour, 0.13);
		ctx.fillRect(left, 0, Math.max(ratio, Math.min(1, shade.to) * width - left), height);
	}
	if (limit !== null && limit <= high) {
		ctx.strokeStyle = limit_colour;
		ctx.setLineDash([2 * ratio, 3 * ratio]);
		ctx.lineWidth = ratio;
		ctx.beginPath();
		ctx.moveTo(0, Math.round(y(limit)) + 0.5);
		ctx.lineTo(width, Math.round(y(limit)) + 0.5);
		ctx.stroke();
		ctx.setLineDash([]);
	}

	ctx.strokeStyle = colour;
	ctx.fillStyle = faded(colour, 0.16);
	ctx.lineWidth = 1.5 * ratio;
	ctx.lineJoin = 'round';
	for (const [from, to] of runs(values, first, last)) {
		const line = new Path2D();

		for (let i = from; i <= to; i++)
			if (values[i] != null)
				line.lineTo(x(i), y(values[i]));

		const area = new Path2D(line);

		area.lineTo(x(to), height);
		area.lineTo(x(from), height);
		ctx.fill(area);
		ctx.stroke(line);
	}
	if (highest)
		draw_spikes(ctx, { values, highest, first, last, x, y });
}

/* What an average hides: a stroke from it up to the highest value. */
function draw_spikes(ctx, { values, highest, first, last, x, y }) {
	const spikes = new Path2D();

	for (let i = first; i <= last; i++) {
		if (values[i] == null || highest[i] == null)
			continue;
		spikes.moveTo(x(i), y(values[i]));
		spikes.lineTo(x(i), y(highest[i]));
	}
	ctx.globalAlpha = 0.4;
	ctx.stroke(spikes);
	ctx.globalAlpha = 1;
}

/* Stretches without a gap: null parts them, undefined does not. */
function runs(values, first, last) {
	const found = [];
	let from = -1, to = -1;

	for (let i = first; i <= last; i++) {
		if (values[i] === undefined)
			continue;
		if (values[i] === null) {
			if (from >= 0)
				found.push([from, to]);
			from = -1;
			continue;
		}
		if (from < 0)
			from = i;
		to = i;
	}
	if (from >= 0)
		found.push([from, to]);
	return found;
}
