/* history.js: every alert that ever was, as far as it is kept, newest first,
 * by rule, severity, state and time. The filters are in the address. */

import { fill, h, keyed, set_attr, set_text } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { get_json } from '../../http.js';
import { crossed_words, filtered, lasted_ms, severities, severity_words, states, value_words } from '../../lib/alerts.js';
import { full_text, span_words } from '../../lib/time.js';
import { state_signs } from '../../parts/alert-card.js';
import { icon } from '../../parts/icons.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 15000, MOST = 1000, PAGE = 100;
const DAY = 86400e3;
const spans = { '1h': 3600e3, '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY };

/* The filters: their name in the address, and what there is to choose. */
const filters = [
	{ id: 'rule', label: 'Rule', choices: (ctx) => [['', 'Every rule'], ...ctx.alerts.rules.get().map((rule) => [rule.name, rule.name])] },
	{ id: 'severity', label: 'Severity', choices: () => [['', 'Every severity'], ...[...severities].reverse().map((name) => [name, severity_words[name]])] },
	{ id: 'state', label: 'State', choices: () => [['', 'Every state'], ...['firing', 'acknowledged', 'silenced', 'resolved'].map((name) => [name, states[name].word])] },
	{ id: 'within', label: 'Time', choices: () => [['', 'All that is kept'], ['1h', 'Last hour'], ['24h', 'Last 24 hours'], ['7d', 'Last 7 days'], ['30d', 'Last 30 days'], ['shown', 'The range of the charts']] },
];

export function mount(el, ctx) {
	const { address } = ctx;
	let found = [], most = PAGE, answered = false;
	const boxes = filters.map((filter) => ({ ...filter, el: h('select.input', { 'aria-label': filter.label, name: filter.id, onchange: (event) => address.change({ [filter.id]: event.target.value || null }) }) }));
	const count = h('span.toolbar-count'), clear = h('button.button.small', { type: 'button', onclick: () => address.change(Object.fromEntries(filters.map(({ id }) => [id, null]))) }, 'Clear filters');
	const list = h('ul.history-list'), more = h('button.button', { type: 'button', onclick: () => { most += PAGE; update(); } }, 'Show more');
	const panel = h('div.history-box'), state = state_box(list);

	panel.append(list, state.el);
	el.append(h('div.toolbar.filters', {}, boxes.map((box) => box.el), clear, count), panel, h('div.more-row', {}, more));

	const chosen = () => Object.fromEntries(filters.map(({ id }) => [id, address.params()[id] ?? '']));

	function range() {
		const { within } = chosen();

		if (within === 'shown') {
			const { from, to } = ctx.clock.view();

			return { from: Math.round(from), to: Math.round(to) };
		}
		return spans[within] ? { from: -spans[within] } : {};
	}

	const asking = ask_again(ctx, {
		every_ms: EVERY_MS, state,
		ask: () => get_json('api/v1/alerts', { state: chosen().state || 'all', rule: chosen().rule || null, limit: MOST, ...range() }),
		show(answer) {
			found = answer.alerts;
			answered = true;
			update();
		},
	});

	function draw_filters() {
		const now = chosen();

		for (const box of boxes) {
			const choices = box.choices(ctx), key = choices.map(([value]) => value).join();

			/* A rule that is gone may still be asked for. */
			if (now[box.id] && !choices.some(([value]) => value === now[box.id]))
				choices.push([now[box.id], now[box.id]]);
			if (box.key !== key + now[box.id]) {
				box.key = key + now[box.id];
				fill(box.el, choices.map(([value, text]) => h('option', { value }, text)));
			}
			box.el.value = now[box.id];
		}
		clear.hidden = !Object.values(now).some(Boolean);
	}

	function make_row(alert) {
		const row = h('li'), link = h('a.history-row');

		row.link = link;
		row.cells = { severity: h('span.severity'), what: h('span.history-what'), state: h('span.history-state'), began: h('span.history-began'), lasted: h('span.history-lasted'), value: h('span.history-value'), who: h('span.history-who') };
		link.append(...Object.values(row.cells));
		row.append(link);
		return row;
	}

	function draw_row(row, alert) {
		const { cells } = row, base = ctx.settings.get().base, rule = ctx.alerts.rule_of(alert), { unit } = ctx.plane.about(alert.series);
		const key = JSON.stringify([alert, unit, rule?.line, ctx.settings.get().zone, base]);

		set_attr(row.link, 'href', address.to('alerts', { ...address.params(), tab: 'history', alert: alert.id }));
		set_attr(row.link, 'aria-current', address.params().alert === alert.id ? 'true' : null);
		set_text(cells.lasted, span_words(lasted_ms(alert, ctx.clock.now())));
		if (row.said === key)
			return;
		row.said = key;
		row.dataset.severity = alert.severity;
		row.dataset.state = alert.state;
		fill(cells.severity, icon(alert.severity), h('span', {}, severity_words[alert.severity]));
		fill(cells.what, h('strong', {}, alert.rule), ' ', h('span', {}, alert.series));
		fill(cells.state, alert.state === 'firing' ? h('span.state-sign.still', {}, icon('alerts'), ' Firing') : null, state_signs(alert));
		set_text(cells.began, full_text(alert.startsAt, ctx.zone()));
		/* What it was at its end is no longer what it fired for. */
		set_text(cells.value, `${alert.state === 'resolved' ? '' : `${value_words(rule, alert.value, unit, base)}, `}${crossed_words(rule, alert, unit, base)}`);
		set_text(cells.who, [alert.by, alert.note].filter(Boolean).join(': '));
	}

	function update() {
		const now = chosen(), rows = filtered(found, { severity: now.severity });

		draw_filters();
		keyed(list, rows.slice(0, most), (alert) => alert.id, make_row, draw_row);
		more.hidden = rows.length <= most;
		set_text(count, found.length ? `${rows.length}${found.length === MOST ? ` of the newest ${MOST}` : ''} ${rows.length === 1 ? 'alert' : 'alerts'}` : '');
		if (!answered || asking.failed())
			return;
		if (!rows.length && Object.values(now).some(Boolean))
			state.empty('No alert of the past matches these filters.', 'Clear some of them, or widen the time.');
		else if (!rows.length)
			state.empty('No alert has ever fired here.', 'When one does it is kept here, with every change and who did what.');
		else
			state.none();
	}

	return {
		update,
		address_changed() {
			most = PAGE;
			draw_filters();
			asking.now();
		},
		destroy: asking.stop,
	};
}
