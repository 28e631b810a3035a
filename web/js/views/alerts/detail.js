/* detail.js: one alert, lasting or long over: its card with the series around
 * it, every change it went through, and who was told of it. */

import { fill, h, keyed } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { get_json } from '../../http.js';
import { severity_words, states, value_words } from '../../lib/alerts.js';
import { Columns } from '../../lib/columns.js';
import { full_text } from '../../lib/time.js';
import { alert_card } from '../../parts/alert-card.js';
import { draw_delivery, make_delivery } from '../../parts/delivery-row.js';
import { icon } from '../../parts/icons.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 5000, MOST = 100, POINTS = 200, LEAST_PAD_MS = 60e3;

export function mount_detail(el, ctx, id) {
	let alert = ctx.alerts.find(id), changes = [], deliveries = [], columns = null, said = '';
	const card = alert_card(ctx, { picture: { columns: () => columns, span } });
	const told = h('ul.delivery-list'), told_note = h('p.told-note', { hidden: true });
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
		const [{ alerts }, sent] = await Promise.all([ctx.feed.request('get alerts', { id, changes: 1, limit: 200 }), ctx.feed.request('get deliveries', { alert: id, limit: MOST })]);

		if (!alerts.length)
			throw new Error('There is no alert of this number, or it was so long ago that it is forgotten.');
		alert = { ...alerts[0], ...ctx.alerts.find(id), ...(ctx.alerts.find(id)?.state === 'resolved' ? alerts[0] : {}) };

		const { from, to } = span();

		columns = await get_json('api/v1/history', { series: [alert.series], from: Math.round(from), to: Math.round(to), points: POINTS, shape: 'columns', aggregate: 'avg' }).then(Columns.from_history, () => null);
		return { alerts, deliveries: sent.deliveries };
	}

	function show(answer) {
		if (!inside.firstChild)
			inside.append(card.el, h('div.changes-box', {}, h('h4', {}, 'What happened'), list), h('div.changes-box.told-box', {}, h('h4', {}, 'Told'), told, told_note));
		changes = answer.alerts;
		deliveries = answer.deliveries;
		update();
	}

	const change_words = (change) => (change.state === 'firing' ? `Firing, ${severity_words[change.severity].toLowerCase()}` : states[change.state].word);

	function draw_change(row, change) {
		const { unit } = ctx.plane.about(change.series), rule = ctx.alerts.rule_of(change), state_of = states[change.state];
		const text = `${full_text(change.timestamp, ctx.zone())} ${unit}`;

		if (row.said === text)
			return;
		row.said = text;
		fill(row, h('time', {}, full_text(change.timestamp, ctx.zone())),
			h('span.change-what', { 'data-severity': change.state === 'firing' ? change.severity : null }, icon(state_of.icon ?? change.severity), h('span', {}, change_words(change))),
			h('span.change-value', {}, value_words(rule, change.value, unit, ctx.settings.get().base)),
			h('span.change-who', {}, [change.by, change.note].filter(Boolean).join(': '), change.state === 'silenced' ? h('span.change-until', {}, change.silencedUntil ? ` until ${full_text(change.silencedUntil, ctx.zone())}` : ' until it is resolved') : null));
	}

	/* ---- who was told ---- */

	/* The change that a message tells: the newest that was there when it was made. */
	function draw_told(row, one) {
		const change = changes.find((each) => each.timestamp <= one.created), text = change ? change_words(change) : 'A change';

		if (row.what.textContent !== text)
			fill(row.what, text);
		draw_delivery(ctx, row, one);
	}

	function why_nobody() {
		if (deliveries.length === MOST)
			return `The newest ${MOST} messages.`;
		if (deliveries.length)
			return '';
		return `No channel was told of it${alert.state === 'silenced' ? ': it is silenced' : alert.inhibited ? ': another alert holds it back' : ''}.`;
	}

	function draw_deliveries() {
		keyed(told, deliveries, (one) => one.id, (one) => make_delivery(ctx, one, { what: h('span.delivery-what'), sent_again: asking.now }), draw_told);

		const why = why_nobody();

		if (told_note.said === why)
			return;
		told_note.said = why;
		told_note.hidden = why === '';
		fill(told_note, why, deliveries.length ? null : [' ', h('a.link-like', { href: ctx.address.to('alerts', { tab: 'channels', alert: id }) }, 'See the channels')]);
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
		draw_deliveries();
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
