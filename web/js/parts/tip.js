/* tip.js: the one tooltip. It stands beside the crosshair of the chart that is
 * pointed at and says the full time, the values, and what happened there; the
 * other charts say theirs in their legends. */

import { fill, h, set_text } from '../dom.js';
import { during, severity_words, states } from '../lib/alerts.js';
import { full_text, zone_text } from '../lib/time.js';
import { icon } from './icons.js';

const NEAR_PX = 6, MOST_ALERTS = 4;

export function create_tip({ crosshair, clock, zone, events, alerts }) {
	const describers = new WeakMap();
	const time = h('div.tip-time'), list = h('ul.tip-rows'), happened = h('div.tip-events');
	const el = h('div.tip', { 'aria-hidden': 'true', hidden: true }, time, list, happened);

	document.body.append(el);

	function reach() {
		const { from, to } = clock.view();

		return Math.max(((to - from) / 600) * NEAR_PX, 1500);
	}

	const near = (t) => events.list().filter((event) => Math.abs(event.timestamp - t) <= reach());

	function show(point) {
		const describe = point && describers.get(point.source);

		el.hidden = !describe;
		if (!describe)
			return;

		const { rows, ids } = describe(point.t);

		set_text(time, `${full_text(point.t, zone())} ${zone_text(point.t, zone())}`);
		fill(list, rows.map((row) => h('li', {}, h(`span.swatch.hue-${row.hue}.dash-${row.dash}`), h('span.tip-label', {}, row.label), h('span.tip-value', {}, row.text, row.unit ? ` ${row.unit}` : ''))));
		fill(happened, near(point.t).map((event) => h('div', {}, event.text)), during(alerts.around(ids), point.t - reach(), point.t + reach()).slice(-MOST_ALERTS).map((alert) => h('div.tip-alert', { 'data-severity': alert.severity }, icon(alert.severity), ` ${alert.rule}, ${severity_words[alert.severity].toLowerCase()}${alert.state === 'firing' ? '' : `, ${states[alert.state].word.toLowerCase()}`}`)));
		place(point);
	}

	/* Beside the line, on the side with room, never over the pointer. */
	function place({ t, source }) {
		const box = source.host.getBoundingClientRect(), x = box.left + source.left_of(t);
		const room = document.documentElement.clientWidth;
		const right = x + 14 + el.offsetWidth <= room - 6;

		el.style.left = `${Math.max(6, right ? x + 14 : x - 14 - el.offsetWidth)}px`;
		el.style.top = `${Math.max(6, Math.min(box.top + 4, innerHeight - el.offsetHeight - 6))}px`;
	}

	crosshair.on(show);
	addEventListener('scroll', () => crosshair.get() && crosshair.set(null), { passive: true, capture: true });
	return { describe: (chart, fn) => describers.set(chart, fn) };
}
