/* tiles.js: the row of vitals at the top of the overview: one number each, its
 * shape over the range, and a word when it is too high. A row of the table
 * below is a tile. */

import { fill, h, set_attr, set_text, toggle } from './dom.js';
import { with_gaps } from './lib/columns.js';
import { hue_of } from './lib/colours.js';
import { levels, words } from './lib/health.js';
import { instance_of, matcher } from './lib/series.js';
import { ago_words, clock_text } from './lib/time.js';
import { format, on_scale, parts, scale_for } from './lib/units.js';
import { limits_of, subject_of, vitals } from './lib/vitals.js';
import { icon } from './parts/icons.js';
import { draw_spark } from './parts/spark.js';

/* series: watched, the sparkline's among them; of many instances the busiest,
 * with those of `along`. beside: watched too. pick(ids, at) → the id shown.
 * sub(at, id, ctx) → the line below. hue: of the sparkline, as on its chart.
 * high: top of the sparkline. at(id) is the value at the shown moment. */
const tiles = [
	{
		id: 'cpu', vital: 'cpu', label: 'CPU', unit: 'percent', card: 'cpu', high: 100,
		series: ['cpu.usage'],
		sub: (at, id, ctx) => (ctx.cpus() ? `${ctx.cpus()} processor${ctx.cpus() === 1 ? '' : 's'}` : ''),
	},
	{
		id: 'memory', vital: 'memory', label: 'Memory', unit: 'percent', card: 'memory', high: 100,
		series: ['memory.usage'], beside: ['memory.used', 'memory.total'],
		sub: (at, id, ctx) => of_total(at('memory.used'), at('memory.total'), ctx),
	},
	{
		id: 'swap', vital: 'swap', label: 'Swap', unit: 'percent', card: 'paging', high: 100,
		series: ['swap.usage'], beside: ['swap.used', 'swap.total'],
		none: (at) => at('swap.total') === 0 && 'No swap',
		sub: (at, id, ctx) => of_total(at('swap.used'), at('swap.total'), ctx),
	},
	{
		id: 'load', vital: 'load', label: 'Load', unit: '', card: 'load',
		series: ['load.1'], beside: ['load.5', 'load.15'],
		sub: (at) => `5m ${format(at('load.5'), '')}  15m ${format(at('load.15'), '')}`,
	},
	{
		id: 'disk', vital: 'disk', label: 'Disk busy', unit: 'percent', card: 'disk-busy', high: 100,
		series: ['disk.busy/*'], pick: highest, sub: (at, id) => instance_of(id),
		none: (at, ids) => !ids.length && 'No disk',
	},
	{
		id: 'fs', vital: 'fs', label: 'Storage', unit: 'percent', card: 'filesystems', high: 100,
		series: ['fs.used_percent/*'], along: ['fs.free/*'], pick: highest,
		sub: (at, id, ctx) => `${instance_of(id)} · ${format(at(`fs.free/${instance_of(id)}`), 'bytes', ctx.settings.get().base)} free`,
		none: (at, ids) => !ids.length && 'No filesystem',
	},
	{
		id: 'network', label: 'Network in', unit: 'bytes/s', card: 'network',
		series: ['net.rx_bytes/*'], along: ['net.tx_bytes/*'],
		pick: (ids, at) => highest(ids.filter((id) => instance_of(id) !== 'lo'), at) ?? highest(ids, at),
		sub: (at, id, ctx) => `out ${format(at(`net.tx_bytes/${instance_of(id)}`), 'bytes/s', ctx.settings.get().base)} · ${instance_of(id)}`,
		none: (at, ids) => !ids.length && 'No interface',
	},
	{
		id: 'pressure', vital: 'pressure', label: 'Pressure', unit: 'percent', card: 'pressure', high: 100,
		series: ['pressure.cpu.some', 'pressure.memory.some', 'pressure.io.some'], pick: highest,
		sub: (at, id) => `most on ${subject_of(id)}`,
		none: (at, ids) => !ids.length && 'Not measured',
	},
];

/* "6.1 of 15.6 GiB": one unit for both, the larger's. */
function of_total(used, total, ctx) {
	if (used == null || total == null)
		return '';

	const scale = scale_for('bytes', total, ctx.settings.get().base);

	return `${on_scale(used, scale)} of ${on_scale(total, scale)} ${scale.unit}`;
}

function highest(ids, at) {
	let best = ids[0];

	for (const id of ids)
		if ((at(id) ?? -1) > (at(best) ?? -1))
			best = id;
	return best;
}

/* Instances of which a tile shows the highest: it may change from second to second. */
const SHOWN_OF = 4;

const vital_of = (tile) => vitals.find((vital) => vital.id === tile.vital) ?? null;

export function mount_tiles(el, ctx) {
	const made = tiles.map((tile) => make_tile(tile, ctx));

	el.append(...made.map((one) => one.el));
	return {
		update: () => made.forEach((one) => one.update()),
		destroy: () => made.forEach((one) => one.destroy()),
	};
}

function make_tile(tile, ctx) {
	const { plane, clock } = ctx, vital = vital_of(tile);
	const many = tile.series[0].endsWith('/*');
	const want = plane.want(tile.series, { band: true, ...(many && { top: SHOWN_OF, along: tile.along }) });
	const wants = [want, plane.want(tile.beside ?? [], { history: false })];
	const level = h('span.tile-level'), value = h('span.tile-value'), unit = h('span.tile-unit'), sub = h('span.tile-sub');
	const canvas = h('canvas.spark', { 'aria-hidden': 'true' });
	const el = h('a.tile', { href: '#', 'data-tile': tile.id, onclick: jump },
		h('span.tile-head', {}, h('span.tile-label', {}, tile.label), level), h('span.tile-number', {}, value, unit), sub, canvas);
	const about = matcher(tile.series);
	let shown_level = '', size = { width: 0, height: 0 };
	const sizes = new ResizeObserver(([entry]) => {
		size = entry.contentRect;
		update();
	});

	sizes.observe(canvas);
	want.need_values();

	function jump(event) {
		event.preventDefault();
		ctx.show_card(tile.card);
	}

	/* The moment the tile speaks of: now, or the crosshair or end of a fixed range. */
	const moment = () => (clock.state.get().mode === 'live' ? null : ctx.crosshair.get()?.t ?? clock.view().to - 1);

	function value_at(id, t) {
		if (t !== null)
			return plane.shown()?.value_at(id, t) ?? null;
		return plane.latest.get(id) ?? plane.seen.get(id)?.value ?? plane.live()?.value_at(id, clock.now()) ?? null;
	}

	function age_of(id) {
		const seen = plane.seen.get(id);

		if (ctx.freshness.get().stale)
			return ctx.freshness.get().age_ms;
		return seen && plane.latest.get(id) == null && plane.is_silent(id) ? clock.now() - seen.t : 0;
	}

	function update() {
		const t = moment(), at = (id) => value_at(id, t), ids = want.match();
		const id = tile.pick ? tile.pick(ids, at) : ids[0] ?? tile.series[0];
		const none = plane.ready() && want.ready() && tile.none?.(at, ids);
		const age = t === null ? age_of(id) : 0, stale = age > 0 && !none;
		const shown = none ? { text: '–', unit: '' } : parts(at(id), tile.unit, ctx.settings.get().base);

		set_text(value, shown.text);
		set_text(unit, shown.unit);
		toggle(el, 'stale', stale);
		toggle(el, 'nothing', Boolean(none));
		const why = none ? null : reason();

		set_text(sub, none || (stale ? ago_words(age) : t !== null ? `at ${clock_text(t, ctx.zone())}` : (why && why_words(why)) || (id ? tile.sub(at, id, ctx) : '')));
		set_attr(sub, 'title', sub.textContent);
		show_level(why?.level ?? 'ok');
		draw(id);
	}

	/* Why the tile has a level: what was judged of its vital, or an alert about
	 * what it shows; the worst, of equals the highest. */
	function reason() {
		const mine = ctx.health.get().reasons.filter((one) => (one.alert ? about(one.id) : one.vital && one.vital.id === tile.vital));

		return mine.sort((a, b) => levels.indexOf(b.level) - levels.indexOf(a.level) || (b.value ?? -1) - (a.value ?? -1))[0] ?? null;
	}

	/* The number above is of this moment, the word may be of the last half minute:
	 * what was judged is said. */
	function why_words({ alert, value, id }) {
		if (alert)
			return `${ctx.alerts.find(alert)?.rule ?? 'an alert'} fires`;
		return vital.smooth > 1 ? `${format(value, tile.unit)} over ${vital.smooth} s${subject_of(id) ? ` · ${subject_of(id)}` : ''}` : '';
	}

	function show_level(now) {
		if (now === shown_level)
			return;
		shown_level = now;
		el.dataset.level = now;
		fill(level, now === 'ok' ? null : [icon(now), h('span', {}, words[now])]);
	}

	function draw(id) {
		const columns = plane.shown(), row = columns?.rows.get(id), colours = ctx.theme.colours.get();

		if (!row || !size.width)
			return;

		const { from, to } = clock.view(), first = columns.index_at(from), last = columns.index_at(to);
		const limit = vital ? limits_of(vital, ctx.cpus() || 1)[0]?.at ?? null : null;
		const values = with_gaps(row.values, columns.step, plane.about(id).interval ?? 1000);
		const high = tile.high ?? Math.max(1, ...(row.max ?? values).slice(first, last + 1).filter((v) => v != null)) * 1.1;

		draw_spark(canvas, { size, values, highest: row.max, first, last, low: 0, high, limit, colour: colours.hues[hue_of(id, plane.places)], limit_colour: colours.warning });
	}

	function destroy() {
		sizes.disconnect();
		wants.forEach((want) => want.release());
	}

	return { el, update, destroy };
}
