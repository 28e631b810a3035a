/* self.js: how Vedette itself is: who is connected, what it costs, which
 * collectors run and how late they are, and where its settings come from. */

import { fill, h, keyed, set_text } from '../dom.js';
import { ago_words, full_text, span_words } from '../lib/time.js';
import { format } from '../lib/units.js';
import { chart_card } from '../parts/chart-card.js';
import { icon } from '../parts/icons.js';
import { state_box } from '../parts/states.js';

const EVERY_MS = 2000;

const charts = [
	chart_card({ id: 'self-memory', title: 'Resident memory', unit: 'bytes', series: ['self.rss'], label: () => 'resident', least: 1 << 20 }),
	chart_card({ id: 'self-cpu', title: 'CPU', unit: 'percent', series: ['self.cpu'], label: () => 'of one processor', least: 5, help: 'Percent of one processor. The axis follows the value: all of one would hide a cost this small.' }),
	chart_card({ id: 'self-clients', title: 'Clients', unit: '', series: ['self.clients'], label: () => 'connected', least: 4 }),
	chart_card({ id: 'self-bytes', title: 'Traffic', unit: 'bytes/s', series: ['self.bytes_out', 'self.bytes_in'], label: (id) => (id.endsWith('out') ? 'sent' : 'received'), least: 1024 }),
	chart_card({ id: 'self-messages', title: 'Messages', unit: '/s', series: ['self.messages_out', 'self.messages_in', 'self.dropped'], label: (id) => ({ 'self.messages_out': 'sent', 'self.messages_in': 'received', 'self.dropped': 'dropped' })[id], least: 4 }),
	chart_card({ id: 'self-lag', title: 'Collector lag', unit: 'ms', series: ['self.collector_lag/*'], least: 10, help: 'How much later than planned each collector ran.' }),
];

const state_icons = { ok: 'ok', failing: 'warning', disabled: 'pause', starting: 'clock' };

const facts = (s, ctx) => {
	const size = (bytes) => format(bytes, 'bytes', ctx.settings.get().base), latest = ctx.plane.latest;

	return [
		['Version', s.version],
		['Running for', `${span_words(s.now - s.started)}, since ${full_text(s.started, ctx.zone())}`],
		['Configuration', s.config ?? 'built-in defaults (no file)'],
		['Process', `PID ${s.pid}`],
		['Clients', String(s.clients)],
		['Series', String(s.series)],
		['Store', `${size(s.store.bytes)} of ${size(s.store.limit)}: raw for ${span_words(s.store.raw_s * 1000)}, minutes for ${span_words(s.store.minute_s * 1000)}`],
		['Database', latest.get('self.db_bytes') ? size(latest.get('self.db_bytes')) : 'none yet'],
		['Resident memory', size(latest.get('self.rss'))],
		['CPU', `${format(latest.get('self.cpu'), 'percent')} of one processor`],
		['Traffic out', format(latest.get('self.bytes_out'), 'bytes/s', ctx.settings.get().base)],
		['Dropped for slow clients', format(latest.get('self.dropped'), ctx.plane.about('self.dropped').unit)],
		['Push interval', span_words(s.push_interval)],
		['This page', transport_words(ctx)],
		['Host', `${s.host.hostname}, ${s.host.os}, ${s.host.kernel} ${s.host.arch}`],
		['Host up for', span_words(s.now - s.host.boot)],
	];
};

const transport_words = (ctx) => ({ websocket: 'connected over WebSocket', polling: 'connected over long-polling' })[ctx.feed.state.get().transport] ?? 'not connected';

export function mount(el, ctx) {
	let status = ctx.status.get(), timer = 0, alive = true, sort = (a, b) => (b.state === 'failing') - (a.state === 'failing') || a.name.localeCompare(b.name);

	const list = h('dl.facts');
	const body = h('tbody');
	const summary = h('span.card-now');
	const table_box = h('div.mini-scroll', { tabindex: 0, role: 'region', 'aria-label': 'Collectors' }, h('table.mini', {}, h('thead', {}, h('tr', {}, ['Collector', 'State', 'Interval', 'Took', 'Lag', 'Series', 'Last run'].map((name, i) => h(`th${i > 1 ? '.number' : ''}`, { scope: 'col' }, name)))), body));
	const state = state_box(table_box), grid = h('div.cards');
	const want = ctx.plane.want(['self.*'], { history: false });

	el.append(h('h1.view-title', {}, 'Vedette'),
		h('div.cards', {},
			h('section.card.facts-card', { role: 'group', 'aria-label': 'Facts' }, h('header.card-head', {}, h('h2', {}, 'This instance')), list),
			h('section.card.wide', { role: 'group', 'aria-label': 'Collectors' }, h('header.card-head', {}, h('h2', {}, 'Collectors'), summary), table_box, state.el)),
		grid);

	const made = charts.map((card) => {
		const place = h('section.card', { id: `card-${card.id}`, role: 'group', 'aria-label': card.title });

		grid.append(place);

		const one = card.mount(place, ctx);

		one.appear();
		return one;
	});

	async function ask() {
		clearTimeout(timer);
		if (!alive || document.hidden)
			return;
		try {
			status = await ctx.feed.request('get status');
			ctx.status.set(status);
			state.none();
		} catch (error) {
			if (alive && !status)
				state.failed(error.message, ask);
		}
		if (!alive)
			return;
		draw();
		timer = setTimeout(ask, EVERY_MS);
	}

	function draw() {
		if (!status)
			return;
		keyed(list, facts(status, ctx), ([name]) => name, ([name]) => {
			const row = h('div.fact', {}, h('dt', {}, name));

			row.value = h('dd');
			row.append(row.value);
			return row;
		}, (row, [, text]) => set_text(row.value, text));

		const failing = status.collectors.filter((one) => one.state === 'failing').length;

		set_text(summary, failing ? `${failing} of ${status.collectors.length} failing` : `${status.collectors.length}, none failing`);
		keyed(body, [...status.collectors].sort(sort), (one) => one.name, make_row, draw_row);
	}

	function make_row(one) {
		const row = h('tr');

		row.state = h('td.collector-state');
		row.numbers = Array.from({ length: 5 }, () => h('td.number'));
		row.append(h('th', { scope: 'row', title: one.help }, one.name), row.state, ...row.numbers);
		return row;
	}

	function draw_row(row, one) {
		const ran = one.last ? [format(one.duration, 'ms'), format(one.lag, 'ms')] : ['–', '–'];
		const numbers = [span_words(one.interval), ...ran, String(one.series), one.last ? ago_words(Math.max(0, status.now - one.last)) : 'never'];
		const said = `${one.state}${one.error ?? ''}`;

		if (row.said !== said) {
			row.said = said;
			row.state.dataset.state = one.state;
			fill(row.state, icon(state_icons[one.state] ?? 'unknown'), ` ${one.state}`, one.error ? h('span.collector-error', {}, `${one.error}, since ${full_text(one.since, ctx.zone())}`) : null);
		}
		numbers.forEach((text, i) => set_text(row.numbers[i], text));
	}

	const stops = [ctx.feed.state.on(({ phase }) => phase === 'online' && ask()), ctx.visible.on((on) => on && ask())];

	if (!status)
		state.loading();
	ask();
	return {
		update() {
			for (const one of made)
				one.update();
			draw();
		},
		destroy() {
			alive = false;
			clearTimeout(timer);
			want.release();
			for (const one of made)
				one.destroy();
			for (const stop of stops)
				stop();
		},
	};
}
