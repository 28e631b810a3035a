/* chart.js: the only file that knows uPlot.
 *
 * A chart is given rows and a window and draws them; it shares its crosshair
 * through `crosshair` and turns drags, wheels and fingers into wishes to
 * `clock`. It never holds data of its own.
 *
 *   kind 'line'   one line a series, with a min/max band where rows have one
 *   kind 'stack'  series on top of each other, filled and without outlines: a
 *                 layer of nothing would still draw one
 *   kind 'heat'   one strip a series, coloured by value from 0 to 100 */

import uPlot from 'uplot';
import { by_weight } from './lib/alerts.js';
import { calm_top } from './lib/axis.js';
import { stack, with_gaps } from './lib/columns.js';
import { set_attr } from './dom.js';
import { tick_text, ticks } from './lib/time.js';
import { scale_for, tick } from './lib/units.js';
import { faded } from './theme.js';

const AXIS_WIDTH = 46, X_HEIGHT = 22;
const FONT = '11px system-ui, sans-serif';
const DRAG_LEAST_PX = 5;
const LABEL_HALF_PX = 10, LABEL_PX = 13;
const EPISODE_PX = 5, EPISODE_REACH_PX = 16; /* the strip over an alert, and how near a click must be */
const ROOM = 1.05; /* above the highest value */
const dashes = [undefined, [6, 4], [2, 3], [10, 3, 2, 3]];

/* spec: { kind, unit, fixed: [low, high] | null, mirror, limits: [{ at, level }], top? }
 * limits are lines across, [{ at, level, label? }]; peak: { id, interval } draws the highest value of
 * each wide point over a stack.
 * series: [{ id, label, hue, dash, down, quiet, interval }]; down draws below
 * zero, quiet is filled faintly: what is left over, not what is used.
 * tools: { clock, crosshair, colours, zone(), base(), open_alert(id) }. */
export function create_chart(host, spec, series, tools) {
	const { clock, crosshair, colours } = tools;
	const banded = spec.kind === 'line' && spec.band;
	let top = 0, bottom = 0, scale = scale_for(spec.unit, spec.fixed?.[1] ?? 0, tools.base());
	let plot = null, drawn = null, inside = false, following = false, marks = [], episodes = [];

	/* ---- data ---- */

	function row_of(columns, { id, interval, down }, field) {
		const row = columns?.rows.get(id);
		const values = with_gaps(row?.[field] ?? row?.values ?? new Array(columns?.length ?? 0).fill(null), columns?.step ?? 1000, interval);

		return down ? values.map((value) => (value == null ? value : -value)) : values;
	}

	const rows_of = (columns, field) => series.map((one) => row_of(columns, one, field));

	/* The edges of bands, upper one first: below zero, the least is on top. */
	const edges_of = (columns, one) => (one.down ? ['min', 'max'] : ['max', 'min']).map((field) => row_of(columns, one, field));

	function data_of(columns) {
		const rows = rows_of(columns, 'values');
		const seconds = columns?.seconds ?? [];

		if (spec.kind === 'stack')
			return [seconds, ...stack(rows, spec.top?.() || Infinity), ...(spec.peak ? [row_of(columns, spec.peak, 'max')] : [])];
		if (!banded)
			return [seconds, ...rows];
		return [seconds, ...rows.flatMap((row, i) => [row, ...edges_of(columns, series[i])])];
	}

	/* ---- scales and axes ---- */

	/* Before the drawing and not during it, as the legend speaks the same unit. */
	function fit(data) {
		const { from, to } = clock.view();
		let low = 0, high = 0;

		if (spec.kind === 'heat' || spec.fixed)
			return;
		for (let i = 0; i < data[0].length; i++) {
			if (data[0][i] * 1000 < from || data[0][i] * 1000 > to)
				continue;
			for (let r = 1; r < data.length; r++) {
				low = Math.min(low, data[r][i] ?? 0);
				high = Math.max(high, data[r][i] ?? 0);
			}
		}

		const highest = Math.max(-low * ROOM, high * ROOM, spec.least ?? 0);

		top = spec.top?.() || calm_top(top, highest, scale_for(spec.unit, highest, tools.base()).size);
		scale = scale_for(spec.unit, top, tools.base());
		bottom = spec.mirror || low < 0 ? -top : 0;
	}

	function y_range() {
		if (spec.kind === 'heat')
			return [0, Math.max(1, series.length)];
		return spec.fixed ?? [bottom, top];
	}

	function y_splits(u) {
		if (spec.kind === 'heat')
			return heat_splits();

		const { min, max } = u.scales.y;

		return min < 0 ? [min, min / 2, 0, max / 2, max] : [0, max / 4, max / 2, (max * 3) / 4, max];
	}

	const heat_splits = () => {
		const every = Math.ceil(series.length / 8);

		return series.map((_, i) => series.length - i - 0.5).filter((_, i) => i % every === 0);
	};

	function y_values(u, splits) {
		if (spec.kind === 'heat')
			return splits.map((at) => series[Math.round(series.length - at - 0.5)]?.short ?? '');
		return splits.map((value, i) => (i % 2 === 0 ? tick(Math.abs(value), scale) : ''));
	}

	/* Asking the element instead would force a layout in the middle of a tick. */
	const plot_width = (u) => u.bbox.width / devicePixelRatio || 1;

	/* Times with seconds are wider than times without. */
	const most_ticks = (u) => Math.max(2, Math.floor(plot_width(u) / (clock.view().to - clock.view().from < 240e3 ? 84 : 62)));

	function x_splits(u) {
		const { from, to } = clock.view(), edge_ms = ((to - from) / plot_width(u)) * LABEL_HALF_PX;

		/* A label at the very edge would be cut off. */
		return ticks(from, to, most_ticks(u), tools.zone()).at.filter((t) => t <= to - edge_ms).map((t) => t / 1000);
	}

	function x_values(u, splits) {
		const { from, to } = clock.view();
		const { step } = ticks(from, to, most_ticks(u), tools.zone());

		return splits.map((s) => tick_text(s * 1000, step, tools.zone()));
	}

	const axis = {
		font: FONT,
		stroke: () => colours.get().axis,
		ticks: { show: false },
		grid: { stroke: () => colours.get().grid, width: 1 },
	};

	/* ---- lines ---- */

	const hue = (one) => colours.get().hues[one.hue];

	function line(one, index) {
		const filled = spec.kind === 'line' && series.length === 1 && !banded;

		return {
			label: one.label,
			stroke: () => hue(one),
			width: spec.kind === 'line' ? 1.5 : 0,
			dash: dashes[one.dash ?? 0],
			fill: filled || (spec.kind === 'stack' && index === 0) ? () => faded(hue(one), filled ? 0.16 : 0.74) : undefined,
			paths: spec.kind === 'heat' ? () => null : undefined,
			points: { show: spec.kind !== 'heat', size: 3, filter: lonely, fill: () => hue(one), stroke: () => hue(one) },
		};
	}

	/* Averages hide what a wide point held: its highest total, over the stack. */
	const peak = () => ({ stroke: () => faded(colours.get().text, 0.28), width: 1, points: { show: false } });
	const edge = () => ({ stroke: 'transparent', width: 0, points: { show: false } });

	/* A sample between two gaps has no line: it is drawn as a point. */
	function lonely(u, index) {
		const values = u.data[index], found = [];

		for (let i = 0; i < values.length; i++)
			if (values[i] != null && values[i - 1] === null && (values[i + 1] === null || i + 1 === values.length))
				found.push(i);
		return found;
	}

	/* Each layer down to the one below, and from the stack up to its peak. */
	function layers() {
		const list = series.slice(1).map((one, i) => ({ series: [i + 2, i + 1], fill: () => faded(hue(one), one.quiet ? 0.16 : 0.74) }));

		if (spec.peak && series.length)
			list.push({ series: [series.length + 1, series.length], fill: () => faded(colours.get().text, 0.16) });
		return list;
	}

	function bands() {
		if (spec.kind === 'stack')
			return layers();
		if (banded)
			return series.map((one, i) => ({ series: [i * 3 + 2, i * 3 + 3], fill: () => faded(hue(one), series.length > 2 ? 0.16 : 0.26) }));
		return [];
	}

	/* ---- what is drawn besides ---- */

	function draw_heat(u) {
		const ctx = u.ctx, ramp = colours.get().heat, seconds = u.data[0];
		const height = u.bbox.height / Math.max(1, series.length), gap = height > 6 * devicePixelRatio ? devicePixelRatio : 0;
		const width = seconds.length > 1 ? u.valToPos(seconds[1], 'x', true) - u.valToPos(seconds[0], 'x', true) : 4;

		ctx.save();
		ctx.beginPath();
		ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
		ctx.clip();
		for (let r = 0; r < series.length; r++) {
			const values = u.data[r + 1];

			for (let i = 0; i < seconds.length; i++) {
				if (values[i] == null)
					continue;
				ctx.fillStyle = ramp[Math.min(ramp.length - 1, Math.floor((values[i] / 100) * ramp.length))];
				ctx.fillRect(Math.floor(u.valToPos(seconds[i], 'x', true)), u.bbox.top + r * height, Math.ceil(width) + 1, height - gap);
			}
		}
		ctx.restore();
	}

	function draw_limits(u) {
		const { ctx } = u, labels = [];

		for (const { at, level, label } of spec.limits ?? []) {
			if (at > u.scales.y.max || at < u.scales.y.min)
				continue;

			const y = Math.round(u.valToPos(at, 'y', true)) + 0.5;

			ctx.save();
			ctx.strokeStyle = colours.get()[level];
			ctx.lineWidth = devicePixelRatio;
			ctx.setLineDash([3 * devicePixelRatio, 4 * devicePixelRatio]);
			ctx.beginPath();
			ctx.moveTo(u.bbox.left, y);
			ctx.lineTo(u.bbox.left + u.bbox.width, y);
			ctx.stroke();
			/* Of two lines that lie together, one has room to say its name. */
			if (label && !labels.some((other) => Math.abs(other - y) < LABEL_PX * devicePixelRatio)) {
				labels.push(y);
				draw_label(u, label, y, colours.get()[level]);
			}
			ctx.restore();
		}
	}

	/* Whose line it is, above it or, at the top, below. */
	function draw_label(u, text, y, colour) {
		const { ctx } = u, size = 10 * devicePixelRatio, above = y - size - 4 * devicePixelRatio > u.bbox.top;

		ctx.font = `${size}px system-ui, sans-serif`;
		ctx.textAlign = 'left';
		ctx.textBaseline = above ? 'bottom' : 'top';
		ctx.lineWidth = 3 * devicePixelRatio;
		ctx.setLineDash([]);
		ctx.strokeStyle = faded(colours.get().surface, 0.85);
		ctx.fillStyle = colour;

		const x = u.bbox.left + 4 * devicePixelRatio, at = y + (above ? -2 : 3) * devicePixelRatio;

		ctx.strokeText(text, x, at);
		ctx.fillText(text, x, at);
	}

	/* ---- alerts: a tint behind the lines, and a strip at the top to click ---- */

	function each_episode(u, draw) {
		const { from, to } = clock.view(), { left, width } = u.bbox;

		for (const episode of episodes) {
			const start = Math.max(left, u.valToPos(Math.max(from, episode.startsAt) / 1000, 'x', true));
			const end = Math.min(left + width, u.valToPos(Math.min(to, episode.endsAt ?? to) / 1000, 'x', true));

			draw(start, Math.max(2 * devicePixelRatio, end - start), colours.get()[episode.severity], episode);
		}
	}

	function draw_tints(u) {
		each_episode(u, (x, width, colour) => {
			u.ctx.fillStyle = faded(colour, 0.08);
			u.ctx.fillRect(x, u.bbox.top, width, u.bbox.height);
		});
	}

	/* Whoever has it, or that it is over, makes the strip faint. */
	function draw_strips(u) {
		each_episode(u, (x, width, colour, { state }) => {
			u.ctx.fillStyle = state === 'firing' ? colour : faded(colour, 0.55);
			u.ctx.fillRect(x, u.bbox.top, width, EPISODE_PX * devicePixelRatio);
		});
	}

	/* The alert under a point of the plot, the worst of several. */
	function episode_at(x, y) {
		if (y > EPISODE_REACH_PX || y < 0)
			return null;

		const t = time_at(x), slack = time_at(4) - time_at(0);

		return [...episodes].reverse().find((one) => t >= one.startsAt - slack && t <= (one.endsAt ?? Infinity) + slack) ?? null;
	}

	/* Restarts, reloads and the like: a line with a flag at its foot. */
	function draw_marks(u) {
		const { ctx } = u, size = 4 * devicePixelRatio;

		for (const { timestamp } of marks) {
			const x = Math.round(u.valToPos(timestamp / 1000, 'x', true)) + 0.5;

			if (x < u.bbox.left || x > u.bbox.left + u.bbox.width)
				continue;

			const foot = u.bbox.top + u.bbox.height;

			ctx.save();
			ctx.strokeStyle = ctx.fillStyle = colours.get().accent;
			ctx.lineWidth = devicePixelRatio;
			ctx.setLineDash([devicePixelRatio, 2 * devicePixelRatio]);
			ctx.beginPath();
			ctx.moveTo(x, u.bbox.top);
			ctx.lineTo(x, foot);
			ctx.stroke();
			ctx.beginPath();
			ctx.moveTo(x - size, foot);
			ctx.lineTo(x + size, foot);
			ctx.lineTo(x, foot - size * 1.4);
			ctx.fill();
			ctx.restore();
		}
	}

	/* ---- pointing, dragging, pinching ---- */

	const time_at = (left) => plot.posToVal(left, 'x') * 1000;

	function on_cursor(u) {
		if (following || !inside)
			return;

		const at = u.cursor.idx;

		u.over.style.cursor = episode_at(u.cursor.left, u.cursor.top) ? 'pointer' : '';

		if (u.cursor.left < 0 || at == null || !u.data[0].length)
			crosshair.set(null);
		else
			crosshair.set({ t: u.data[0][at] * 1000, source: api });
	}

	function follow(point) {
		if (!plot || (point?.source === api && !point.placed))
			return;
		following = true;
		plot.setCursor(point ? { left: plot.valToPos(point.t / 1000, 'x'), top: plot.over.clientHeight / 2 } : { left: -10, top: -10 });
		following = false;
	}

	function on_select(u) {
		const { left, width } = u.select;

		if (width >= DRAG_LEAST_PX)
			clock.show(time_at(left), time_at(left + width));
		u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
	}

	/* Shift-drag: the range goes with the hand and is asked for at the end. */
	function start_pan(event) {
		const start = clock.view(), from_x = event.clientX, per_px = (start.to - start.from) / plot.over.clientWidth;

		function moved(e) {
			const by = Math.min((from_x - e.clientX) * per_px, clock.now() - start.to);

			clock.preview.set({ from: start.from + by, to: start.to + by });
		}
		function ended(e) {
			removeEventListener('mousemove', moved);
			moved(e);
			commit_preview();
		}

		addEventListener('mousemove', moved);
		addEventListener('mouseup', ended, { once: true });
	}

	function commit_preview() {
		const wish = clock.preview.get();

		if (wish)
			clock.show(wish.from, wish.to);
	}

	let pressed_x = 0;

	function on_click(event) {
		const box = plot.over.getBoundingClientRect(), found = episode_at(event.clientX - box.left, event.clientY - box.top);

		if (found && Math.abs(event.clientX - pressed_x) < DRAG_LEAST_PX)
			tools.open_alert(found.id);
	}

	let wheel_timer = 0;

	/* Sideways or with shift pans, with ctrl (and a trackpad's pinch) zooms; a
	 * plain wheel is the page's own, or nobody could scroll past a chart. */
	function on_wheel(event) {
		const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);

		if (!sideways && !event.ctrlKey)
			return;
		event.preventDefault();

		const { from, to } = clock.view(), span = to - from;
		const delta = sideways ? event.deltaX || event.deltaY : event.deltaY;

		if (event.ctrlKey) {
			const at = time_at(event.clientX - plot.over.getBoundingClientRect().left), factor = Math.exp(Math.max(-0.5, Math.min(0.5, delta * 0.005)));

			clock.preview.set({ from: at - (at - from) * factor, to: Math.min(clock.now(), at + (to - at) * factor) });
		} else {
			const by = Math.min((delta / plot.over.clientWidth) * span, clock.now() - to);

			clock.preview.set({ from: from + by, to: to + by });
		}
		clearTimeout(wheel_timer);
		wheel_timer = setTimeout(commit_preview, 180);
	}

	/* One finger is the crosshair, two are a pinch. */
	const fingers = new Map();
	let pinch = null;

	function finger_down(event) {
		if (event.pointerType !== 'touch')
			return;
		fingers.set(event.pointerId, event.clientX);
		if (fingers.size === 2) {
			const box = plot.over.getBoundingClientRect(), view = clock.view();
			const times = [...fingers.values()].map((x) => view.from + ((x - box.left) / box.width) * (view.to - view.from));

			pinch = { times, box };
			crosshair.set(null);
		} else {
			point_at(event.clientX);
		}
	}

	function finger_move(event) {
		if (!fingers.has(event.pointerId))
			return;
		fingers.set(event.pointerId, event.clientX);
		if (pinch && fingers.size === 2)
			pinch_to([...fingers.values()]);
		else if (fingers.size === 1 && !pinch)
			point_at(event.clientX);
	}

	/* The two moments that were touched stay under the two fingers. */
	function pinch_to([a, b]) {
		const { times, box } = pinch, wide = Math.abs(b - a);

		if (wide < 20)
			return;

		const per_px = Math.abs(times[1] - times[0]) / wide;
		const from = Math.min(...times) - (Math.min(a, b) - box.left) * per_px;

		clock.preview.set({ from, to: Math.min(clock.now(), from + box.width * per_px) });
	}

	function finger_up(event) {
		fingers.delete(event.pointerId);
		if (fingers.size === 0 && pinch) {
			pinch = null;
			commit_preview();
		}
	}

	function point_at(client_x) {
		const at = plot.posToIdx(client_x - plot.over.getBoundingClientRect().left);

		if (plot.data[0].length)
			crosshair.set({ t: plot.data[0][at] * 1000, source: api, placed: true });
	}

	function listen(u) {
		const { over } = u;

		over.addEventListener('mouseenter', () => { inside = true; });
		over.addEventListener('mouseleave', () => {
			inside = false;
			crosshair.set(null);
		});
		over.addEventListener('pointerdown', (event) => { pressed_x = event.clientX; });
		over.addEventListener('click', on_click);
		over.addEventListener('wheel', on_wheel, { passive: false });
		over.addEventListener('pointerdown', finger_down);
		over.addEventListener('pointermove', finger_move);
		over.addEventListener('pointerup', finger_up);
		over.addEventListener('pointercancel', finger_up);
	}

	/* ---- life ---- */

	function options(width, height) {
		return {
			width, height,
			padding: [8, 10, 0, 0],
			legend: { show: false },
			select: { show: true },
			cursor: {
				y: false,
				points: { show: spec.kind === 'line' && !banded, size: 7 },
				drag: { x: true, y: false, setScale: false, dist: DRAG_LEAST_PX },
				bind: {
					dblclick: () => () => clock.live(),
					mousedown: (u, el, handle) => (event) => {
						if (event.button === 0 && event.shiftKey)
							start_pan(event);
						else
							handle(event);
						return null;
					},
				},
			},
			scales: {
				x: { time: false, range: () => { const { from, to } = clock.view(); return [from / 1000, to / 1000]; } },
				y: { range: y_range },
			},
			axes: [
				{ ...axis, size: X_HEIGHT, gap: 4, splits: x_splits, values: x_values, grid: { ...axis.grid, show: spec.kind !== 'heat' } },
				{ ...axis, size: AXIS_WIDTH, gap: 6, splits: y_splits, values: y_values, grid: { ...axis.grid, show: spec.kind !== 'heat' } },
			],
			series: [{}, ...series.flatMap((one, i) => (banded ? [line(one, i), edge(), edge()] : [line(one, i)])), ...(spec.peak ? [peak()] : [])],
			bands: bands(),
			hooks: {
				setCursor: [on_cursor],
				setSelect: [on_select],
				drawAxes: [draw_tints],
				draw: [(u) => {
					if (spec.kind === 'heat')
						draw_heat(u);
					draw_limits(u);
					draw_strips(u);
					draw_marks(u);
				}],
			},
		};
	}

	function size() {
		return [Math.max(120, Math.floor(host.clientWidth)), Math.max(90, Math.floor(host.clientHeight))];
	}

	const watcher = new ResizeObserver(() => {
		const [width, height] = size();

		if (plot && (plot.width !== width || plot.height !== height))
			plot.setSize({ width, height });
	});
	const forget = [
		crosshair.on(follow),
		colours.on(() => plot?.redraw(false)),
	];

	const api = {
		host,
		series,
		draw(columns, events, alerts) {
			const data = data_of(columns);

			marks = events ?? [];
			episodes = [...(alerts ?? [])].sort((a, b) => by_weight(b, a)); /* the worst on top */
			fit(data);
			if (!plot) {
				plot = new uPlot(options(...size()), data, host);
				listen(plot);
				watcher.observe(host);
			} else {
				plot.setData(data);
			}
			/* What the axis says, for who cannot read a canvas. */
			set_attr(host, 'data-top', spec.kind === 'heat' ? 100 : spec.fixed?.[1] ?? top);
			set_attr(host, 'data-unit', scale.unit);
			drawn = columns;
		},
		drawn: () => drawn,
		/* The scale of the axis; the legend speaks the same. */
		scale: () => scale,
		/* Where t is, in px from the host's left edge. */
		left_of: (t) => (plot ? plot.over.offsetLeft + plot.valToPos(t / 1000, 'x') : 0),
		destroy() {
			watcher.disconnect();
			for (const stop of forget)
				stop();
			plot?.destroy();
			plot = null;
		},
	};

	return api;
}
