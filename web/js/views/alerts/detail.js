/* detail.js: one alert, lasting or long over: its card with the series around
 * it, and every change it went through. */

import { fill, h, keyed } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { get_json } from '../../http.js';
import { severity_words, states, value_words } from '../../lib/alerts.js';
import { Columns } from '../../lib/columns.js';
import { full_text } from '../../lib/time.js';
import { alert_card } from '../../parts/alert-card.js';
import { icon } from '../../parts/icons.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 10000, POINTS = 200, LEAST_PAD_MS = 60e3;

export function mount_detail(el, ctx, id) {
	let alert = ctx.alerts.find(id), changes = [], columns = null, said = '';
	const card = alert_card(ctx, { picture: { columns: () => columns, span } });
	const list = h('ol.changes'), charts = h('button.button.small', { type: 'button', onclick: show_charts }, icon('clock'), h('span', {}, 'Charts of that time'));
	const box = h('section.alert-detail', { 'aria-label': 'One alert', tabindex: -1 },
		h('header.card-head', {}, h('h2', {}, 'Alert'), charts, h('button.icon-button.quiet', { type: 'button', 'aria-label': 'Close', onclick: close }, icon('close'))),
		h('div.detail-inside', {}));
	const inside = box.lastChild, state = state_box(inside);

	box.append(state.el);
	el.append(box);

	function close() {
		ctx.address.change({ alert: null });
	}

	function span() {
		const to = alert.endsAt ?? ctx.clock.now(), pad = Math.max(LEAST_PAD_MS, (to - alert.startsAt) * 0.25);

		return { from: alert.startsAt - pad, to: Math.min(ctx.clock.now(), to + pad) };
	}

	function show_charts() {
		const { from, to } = span();

		ctx.clock.show(from, to);
		ctx.address.go('explorer', { series: alert.series });
	}

	async function ask() {
		const { alerts } = await ctx.feed.request('get alerts', { id, changes: 1, limit: 200 });

		if (!alerts.length)
			throw new Error('There is no alert of this number, or it was so long ago that it is forgotten.');
		alert = { ...alerts[0], ...ctx.alerts.find(id), ...(ctx.alerts.find(id)?.state === 'resolved' ? alerts[0] : {}) };

		const { from, to } = span();

		columns = await get_json('api/v1/history', { series: [alert.series], from: Math.round(from), to: Math.round(to), points: POINTS, shape: 'columns', aggregate: 'avg' }).then(Columns.from_history, () => null);
		return alerts;
	}

	function show(answer) {
		if (!inside.firstChild)
			inside.append(card.el, h('div.changes-box', {}, h('h4', {}, 'What happened'), list));
		changes = answer;
		update();
	}

	function draw_change(row, change) {
		const { unit } = ctx.plane.about(change.series), rule = ctx.alerts.rule_of(change), state_of = states[change.state];
		const text = `${full_text(change.timestamp, ctx.zone())} ${unit}`;

		if (row.said === text)
			return;
		row.said = text;
		fill(row, h('time', {}, full_text(change.timestamp, ctx.zone())),
			h('span.change-what', { 'data-severity': change.state === 'firing' ? change.severity : null }, icon(state_of.icon ?? change.severity), h('span', {}, change.state === 'firing' ? `Firing, ${severity_words[change.severity].toLowerCase()}` : state_of.word)),
			h('span.change-value', {}, value_words(rule, change.value, unit, ctx.settings.get().base)),
			h('span.change-who', {}, [change.by, change.note].filter(Boolean).join(': ')));
	}

	function update() {
		const live = ctx.alerts.find(id), key = live ? `${live.state} ${live.severity}` : '';

		/* It changed: what happened has a line more. */
		if (said && key !== said)
			asking.now();
		said = key;
		if (!alert || !changes.length)
			return;
		if (live)
			alert = { ...alert, ...live };
		card.update(alert);
		keyed(list, changes, (change) => `${change.timestamp} ${change.state} ${change.severity} ${change.by}`, () => h('li'), draw_change);
	}

	const asking = ask_again(ctx, { every_ms: EVERY_MS, ask, show, state });

	box.focus({ preventScroll: true });
	scrollTo(0, 0);
	return {
		update,
		acknowledge: card.acknowledge,
		silence: card.silence,
		destroy() {
			asking.stop();
			card.destroy();
		},
	};
}
