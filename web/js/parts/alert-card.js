/* alert-card.js: one alert with all that is needed to act: what, where, since
 * when, how bad against which limit, how it came to it, which rule says so,
 * who has it, and what can be done. */

import { fill, h, set_attr, set_text, toggle } from '../dom.js';
import { crossed_words, judges_samples, lasted_ms, safe_link, severity_words, source_of, states, value_words } from '../lib/alerts.js';
import { with_gaps } from '../lib/columns.js';
import { hue_of } from '../lib/colours.js';
import { full_text, span_words } from '../lib/time.js';
import { canonical } from '../lib/units.js';
import { write_list } from '../lib/urlstate.js';
import { acknowledge, deed_button, end_silence_of, silence } from './deeds.js';
import { icon } from './icons.js';
import { draw_spark } from './spark.js';

/* picture: { columns(), span() → { from, to } }; the shown range where it is
 * left out. */
export function alert_card(ctx, { picture = null } = {}) {
	const { plane, clock, alerts } = ctx;
	const severity = h('span.severity'), rule_link = h('a.alert-rule'), state = h('span.alert-state'), lasted = h('span.alert-lasted');
	const summary = h('span'), when = h('span.alert-when', {}, ' (when it fired)'), ended = h('span', { hidden: true }, 'ended at'), value = h('strong.alert-value'), limit = h('span.alert-limit'), began = h('span.alert-began');
	const facts = h('div.alert-facts'), note = h('p.alert-note', { hidden: true }), note_when = h('span.alert-note-when');
	const canvas = h('canvas.alert-spark', { 'aria-hidden': 'true' }), span = h('span.alert-span');
	const ack = deed_button(ctx, { label: 'Acknowledge', sign: 'seen', what: 'Acknowledging', run: () => acknowledge(ctx, alert), primary: true });
	const mute = deed_button(ctx, { label: 'Silence', sign: 'silence', what: 'Silencing', run: () => silence(ctx, alert) });
	const unmute = deed_button(ctx, { label: 'End silence', sign: 'close', what: 'Ending a silence', run: () => end_silence_of(ctx, alert) });
	const charts = h('a.button.small.to-charts', {}, icon('chart'), h('span', {}, 'Charts'));
	const deeds = h('div.alert-deeds', {}, ack, mute, unmute, charts);
	const el = h('article.alert-card', { tabindex: -1 },
		h('div.alert-main', {},
			h('header.alert-head', {}, severity, h('h3', {}, rule_link), state, lasted),
			h('p.alert-summary', {}, summary, when), h('div.alert-numbers', {}, ended, value, limit, began), facts, note, deeds),
		h('div.alert-picture', {}, canvas, span));
	let alert = null, said = '', size = { width: 0, height: 0 }, want = null;
	const sizes = new ResizeObserver(([entry]) => {
		size = entry.contentRect;
		draw_picture();
	});

	sizes.observe(canvas);

	const is_over = () => alert.state === 'resolved';
	const rule_now = () => alerts.rule_of(alert);

	/* The last sample, where the rule judges samples and nothing made of them. Silence grows by itself. */
	function value_now(rule) {
		if (is_over() || !rule)
			return alert.value;
		if (rule.compare === 'absent' && alert.value != null)
			return alert.value + Math.max(0, clock.now() - alert.timestamp);
		return (judges_samples(rule) ? plane.latest.get(alert.series) : null) ?? alert.value;
	}

	/* Until when it is silent, or since when somebody has it. */
	function when_words() {
		const say = (t) => full_text(t, ctx.zone());

		if (alert.state === 'silenced')
			return alert.silencedUntil ? `until ${say(alert.silencedUntil)}, ${span_words(Math.max(0, alert.silencedUntil - clock.now()))} left` : 'until it is resolved';
		return alert.acknowledgedAt && alert.state === 'acknowledged' ? `since ${say(alert.acknowledgedAt)}` : '';
	}

	function draw_words() {
		const rule = rule_now(), { unit } = plane.about(alert.series), base = ctx.settings.get().base, t = clock.now();

		set_text(value, value_words(rule, value_now(rule), unit, base));
		ended.hidden = !is_over();
		set_text(limit, crossed_words(rule, alert, unit, base).replace(/^(?!limit )/, is_over() ? 'limit ' : ''));
		set_text(lasted, is_over() ? `lasted ${span_words(lasted_ms(alert, t))}` : `for ${span_words(lasted_ms(alert, t))}`);
		set_text(note_when, when_words());
		set_text(began, is_over() ? '' : `since ${full_text(alert.startsAt, ctx.zone())}`);
	}

	const fact = (name, ...what) => h('span.alert-fact', {}, h('span.alert-fact-name', {}, name), ' ', what);

	function draw_rest() {
		const rule = rule_now(), runbook = safe_link(alert.runbook);
		const key = JSON.stringify([{ ...alert, value: 0, timestamp: 0 }, rule?.line, ctx.settings.get().zone]);

		ack.refresh();
		mute.refresh();
		unmute.refresh();
		if (key === said)
			return;
		said = key;
		el.dataset.id = alert.id;
		el.dataset.severity = alert.severity;
		el.dataset.state = alert.state;
		set_attr(el, 'aria-label', `${severity_words[alert.severity]}: ${alert.rule} on ${alert.series}, ${states[alert.state].word}`);
		fill(severity, icon(alert.severity), h('span', {}, severity_words[alert.severity]));
		set_text(rule_link, alert.rule);
		rule_link.href = ctx.address.to('alerts', { alert: alert.id });
		fill(state, state_signs(alert));
		set_text(summary, alert.summary ?? '');
		when.hidden = !alert.summary;
		fill(facts,
			fact('Where', h('a.link-like', { href: ctx.address.to('explorer', { series: write_list([alert.series]) }) }, alert.series), ` on ${alert.host}`),
			is_over() ? fact('When', `${full_text(alert.startsAt, ctx.zone())} – ${full_text(alert.endsAt, ctx.zone())}`) : null,
			fact('Rule', rule ? h('a.link-like', { href: ctx.address.to('alerts', { tab: 'rules', name: rule.name }) }, source_of(rule)) : 'is gone since'),
			runbook ? fact('Runbook', h('a.link-like', { href: runbook, target: '_blank', rel: 'noopener noreferrer' }, runbook.replace(/^https?:\/\//i, ''))) : null,
			Object.entries(alert.labels ?? {}).map(([name, text]) => h('span.label', {}, `${name}=${text}`)));
		note.hidden = !(alert.by || alert.note || alert.state === 'silenced');
		fill(note, icon(alert.state === 'silenced' ? 'silence' : 'seen'), h('span', {}, h('strong', {}, alert.by ?? 'Someone'), alert.note ? `: ${alert.note}` : ''), note_when);
		/* Under a silence it may have been acknowledged before. */
		ack.hidden = !(alert.state === 'firing' || (alert.state === 'silenced' && !alert.acknowledgedAt));
		mute.hidden = is_over() || alert.state === 'silenced';
		unmute.hidden = alert.state !== 'silenced' || !alert.silence;
		charts.href = ctx.address.to('explorer', { series: write_list([alert.series]) });
	}

	/* ---- the picture: the series with its limit ---- */

	function draw_picture() {
		const columns = picture ? picture.columns() : plane.shown(), row = columns?.rows.get(alert?.series), colours = ctx.theme.colours.get();

		toggle(canvas, 'empty', !row);
		if (!picture && !row && plane.ready() && !plane.match([alert.series]).length)
			set_text(span, 'the series is gone');
		if (!row || !size.width)
			return;

		const { from, to } = picture ? picture.span() : clock.view(), { unit, interval } = plane.about(alert.series);
		const first = columns.index_at(from), last = columns.index_at(to), rule = rule_now();
		const values = with_gaps(row.values, columns.step, interval ?? 1000), shown = (row.max ?? values).slice(first, last + 1).filter((v) => v != null);
		const is_height = rule && !['absent', 'full_in'].includes(rule.compare) && !['rate', 'delta'].includes(rule.aggregate);
		const line = is_height ? alert.threshold : null;
		const high = canonical(unit) === 'percent' && Math.max(line ?? 0, ...shown) > 20 ? 100 : Math.max(line ?? 0, ...shown, 1e-9) * 1.15;

		draw_spark(canvas, {
			size, values, highest: row.max, first, last, low: Math.min(0, ...shown), high, limit: line, colour: colours.hues[hue_of(alert.series, plane.places)], limit_colour: colours[alert.severity],
			shade: { from: (alert.startsAt - from) / (to - from), to: ((alert.endsAt ?? to) - from) / (to - from), colour: colours[alert.severity] },
		});
		set_text(span, picture ? 'around the alert' : `last ${span_words(to - from)}`);
	}

	/* Present alerts are drawn from what is watched anyway. */
	function watch() {
		if (picture || want)
			return;
		want = plane.want([alert.series], { band: true });
	}

	function update(next = alert) {
		alert = next;
		watch();
		draw_rest();
		draw_words();
		draw_picture();
	}

	return {
		el, update,
		alert: () => alert,
		acknowledge: () => !ack.hidden && ack.click(),
		silence: () => !mute.hidden && mute.click(),
		destroy() {
			sizes.disconnect();
			want?.release();
		},
	};
}

/* Beyond firing: seen, silenced, flapping, held back by another alert. */
export function state_signs(alert) {
	const { word, icon: name } = states[alert.state];

	return [
		alert.state === 'firing' ? null : h('span.state-sign', { 'data-state': alert.state }, name ? icon(name) : null, ` ${word}`),
		alert.inhibited ? h('span.state-sign', { title: 'Another alert explains it: nobody is told' }, icon('pause'), ' Held back') : null,
		alert.flapping ? h('span.state-sign', { title: 'It comes and goes: it ends only once it was calm for five minutes' }, icon('retry'), ' Flapping') : null,
	];
}
