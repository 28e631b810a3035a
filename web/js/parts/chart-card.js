/* chart-card.js: a card that is a chart, made from a description.
 *
 *   { id, title, section, unit, help, series: [patterns],
 *     kind: 'line' | 'stack' | 'heat', fixed: [0, 100], mirror,
 *     pick(ids, ctx) → ids to draw, label(id), down(id), quiet(id),
 *     peak: id whose highest is drawn over a stack of wide points,
 *     about: [ids] that the chart speaks of without drawing them: their alerts
 *     are shown on it too,
 *     limits(ctx), top(ctx), least, wide, tall, optional, empty: { why, what },
 *     busiest: draw only so many instances, those with the most,
 *     gone: the series may have gone away }
 *
 * It owns the title, the legend (which shows the values under the shared
 * crosshair), the words for who cannot see the chart, and the states: loading,
 * empty, failed. */

import { create_chart } from '../chart.js';
import { fill, h, keyed, new_id, set_attr, set_text, toggle } from '../dom.js';
import { by_weight, merge_lines, severity_words, states } from '../lib/alerts.js';
import { styles_of } from '../lib/colours.js';
import { instance_of } from '../lib/series.js';
import { full_text } from '../lib/time.js';
import { format, on_scale } from '../lib/units.js';
import { write_list } from '../lib/urlstate.js';
import { icon } from './icons.js';
import { state_box } from './states.js';

const MOST_SERIES = 8;
const SUMMARY_EVERY_MS = 10000;

/* The legend's entry for the highest total of each wide point. */
const PEAK = { id: 'peak', label: 'peak', hue: 'peak', dash: 0 };

export const chart_card = (spec) => ({ ...spec, mount: (el, ctx) => mount(el, ctx, spec) });

const label_of = (spec, id) => spec.label?.(id) ?? instance_of(id) ?? id.split('.').slice(1).join('.');

function mount(el, ctx, spec) {
	const { plane, clock, crosshair } = ctx;
	const wants = [plane.want(spec.series, { history: false, band: (spec.kind ?? 'line') === 'line', top: spec.busiest, gone: spec.gone, early: spec.optional })];
	const id = new_id('chart');
	const hidden = new Set();
	let chart = null, key = '', summary_at = 0;

	if (spec.peak)
		wants.push(plane.want([spec.peak], { history: false, band: true }));

	const unit = h('span.unit');
	const now = h('span.card-now');
	const alert_link = h('a.card-alert', { hidden: true });
	const explore = h('a.icon-button.quiet', { href: ctx.address.to('explorer', {}), 'aria-label': `Open ${spec.title} in the explorer`, title: 'Open in the explorer' }, icon('expand'));
	const plot = h('div.plot', {
		tabindex: 0, role: 'slider', 'aria-label': `${spec.title}, chart`, 'aria-describedby': id,
		'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 100, onkeydown: on_key, onblur: () => crosshair.set(null),
	});
	const legend = h('ul.legend');
	const summary = h('p.vh', { id });
	const note = h('div.card-note');
	const state = state_box(plot);

	toggle(el, 'tall', Boolean(spec.tall));
	el.append(
		h('header.card-head', {}, h('h3', { title: spec.help }, spec.title, ' ', unit), now, alert_link, explore),
		h('div.plot-box', {}, plot, state.el), legend, note, summary,
	);

	/* ---- which series ---- */

	function chosen() {
		const all = wants[0].match(), ids = spec.pick ? spec.pick(all, ctx) : all, most = spec.most ?? MOST_SERIES;

		return { ids: ids.slice(0, most), note: left_out(ids.length - most) };
	}

	/* What is not drawn: of many instances the idle ones, of many series the last. */
	function left_out(more) {
		const instances = wants[0].instances();

		if (spec.busiest && instances > spec.busiest)
			return `busiest ${spec.busiest} of ${instances}`;
		return more > 0 ? `+${more} more` : '';
	}

	/* The page's own lines, and those of the rules about what is drawn. A rule
	 * about something that is only spoken of has another axis, unless the chart
	 * is made of parts of it. */
	function limits(ids) {
		const own = spec.limits?.(ctx) ?? [];

		if (spec.kind === 'heat')
			return own;
		return merge_lines(own, ctx.alerts.lines([...ids, spec.peak].filter(Boolean)));
	}

	/* The worst alert of the shown range, by name, as a way to it. */
	function draw_alert(episodes) {
		const open = episodes.filter((one) => one.state !== 'resolved'), worst = [...(open.length ? open : episodes)].sort(by_weight)[0];
		const said = worst ? `${worst.id} ${worst.state} ${worst.severity} ${episodes.length}` : '';

		if (alert_link.said === said)
			return;
		alert_link.said = said;
		alert_link.hidden = !worst;
		if (!worst)
			return;

		const rest = episodes.length > 1 ? ` +${episodes.length - 1}` : '';

		alert_link.dataset.severity = worst.severity;
		alert_link.dataset.state = worst.state;
		alert_link.href = ctx.address.to('alerts', { alert: worst.id });

		const what = `on ${worst.series}: ${states[worst.state].word.toLowerCase()}, ${severity_words[worst.severity].toLowerCase()}${rest ? `; and ${episodes.length - 1} more in this range` : ''}`;

		set_attr(alert_link, 'title', `${worst.rule} ${what}`);
		set_attr(alert_link, 'aria-label', `Alert ${worst.rule}${rest} ${what}`);
		fill(alert_link, icon(states[worst.state].icon ?? worst.severity), h('span', {}, `${worst.rule}${rest}`));
	}

	function rebuild(ids, band) {
		const styles = paint(ids);
		const list = ids.map((one, i) => ({
			id: one, ...styles[i], label: label_of(spec, one), short: spec.short?.(one) ?? '', down: spec.down?.(one) ?? false, quiet: spec.quiet?.(one) ?? false, interval: plane.about(one).interval ?? 1000,
		}));

		chart?.destroy();
		plot.textContent = '';
		const visible = list.filter((one) => !hidden.has(one.id));

		chart = create_chart(plot, {
			kind: spec.kind ?? 'line', unit: spec.unit, fixed: spec.fixed, mirror: spec.mirror, least: spec.least, band,
			peak: band && spec.peak && !hidden.has(PEAK.id) ? { id: spec.peak, interval: plane.about(spec.peak).interval ?? 1000 } : null,
			limits: limits(ids), top: spec.top && (() => spec.top(ctx)),
		}, visible, ctx.chart_tools);
		chart.all = list;
		chart.listed = band && spec.peak ? [...list, PEAK] : list;
		ctx.tip.describe(chart, (t) => ({ title: spec.title, ids: [...ids, ...(spec.about ?? []), spec.peak], rows: rows_at(t) }));
		fill(legend, spec.kind === 'heat' ? heat_key() : null);
		legend.kept = null;
	}

	/* Above and below the line are told apart by the side, not by dashes. */
	function paint(ids) {
		if (!spec.down)
			return styles_of(ids, plane.places);

		const up = ids.filter((one) => !spec.down(one)), down = ids.filter(spec.down);
		const styles = new Map([...up, ...down].map((one, i) => [one, [...styles_of(up, plane.places), ...styles_of(down, plane.places)][i]]));

		return ids.map((one) => styles.get(one));
	}

	/* ---- what the legend and the tooltip say ---- */

	function rows_at(t) {
		const columns = plane.shown(), scale = chart.scale();

		return chart.all.filter((one) => !hidden.has(one.id)).map((one) => {
			const value = columns?.value_at(one.id, t) ?? null;

			return { label: one.label, hue: one.hue, dash: one.dash, text: on_scale(value, scale), unit: scale.unit, value };
		});
	}

	function value_now(one, t) {
		if (t !== null)
			return plane.shown()?.value_at(one.id, t) ?? null;
		return plane.latest.get(one.id) ?? null;
	}

	function peak_at(t) {
		const columns = plane.shown(), at = columns?.index_at(t ?? clock.now());

		return columns?.rows.get(spec.peak)?.max?.[at] ?? null;
	}

	/* Under the crosshair, at the end of a fixed range, or now. */
	function legend_time() {
		const point = crosshair.get();

		if (point)
			return point.t;
		return clock.state.get().mode === 'live' ? null : clock.view().to - 1;
	}

	function draw_legend() {
		const t = legend_time(), scale = chart.scale(), hidden_unit = spec.kind === 'heat' ? spec.unit : null;

		set_text(unit, hidden_unit ? '%' : scale.unit);
		if (spec.kind === 'heat')
			return;
		keyed(legend, chart.listed, (one) => one.id, make_entry, (entry, one) => {
			const value = one === PEAK ? peak_at(t) : value_now(one, t), about = plane.seen.get(one.id);
			const stale = t === null && value === null && about && plane.is_silent(one.id);

			set_text(entry.reading, on_scale(stale ? about.value : value, scale));
			toggle(entry, 'off', hidden.has(one.id));
			toggle(entry, 'stale', Boolean(stale));
			set_attr(entry.firstChild, 'aria-pressed', String(!hidden.has(one.id)));
		});
	}

	const heat_key = () => h('li.heat-key', {}, '0 %', [0, 1, 2, 3, 4, 5].map((step) => h(`span.heat-step.heat-${step}`)), '100 %');

	function make_entry(one) {
		const value = h('span.legend-value');
		const entry = h('li', {}, h('button.legend-entry', {
			type: 'button', title: `${one === PEAK ? 'the highest total within each point' : `${one.id}: ${plane.about(one.id).help ?? ''}`}\nClick hides it, Alt-click shows it alone`, onclick: (event) => flip(one.id, event.altKey),
		}, h(`span.swatch.hue-${one.hue}.dash-${one.dash}`), h('span.legend-name', {}, one.label), value));

		entry.reading = value;
		return entry;
	}

	function flip(one, alone) {
		const ids = chart.all.map((series) => series.id);

		if (alone) {
			const is_alone = ids.every((other) => hidden.has(other) === (other !== one));

			for (const other of ids)
				hidden[is_alone || other === one ? 'delete' : 'add'](other);
		} else if (!hidden.delete(one)) {
			hidden.add(one);
		}
		key = '';
		update();
	}

	/* min, avg, max and last in words: what a look at the chart would tell. */
	function summarise() {
		if (Date.now() - summary_at < SUMMARY_EVERY_MS && document.activeElement !== plot)
			return;
		summary_at = Date.now();

		const base = ctx.settings.get().base;
		const lines = chart.all.slice(0, 16).map((one) => {
			const s = plane.stats_of(one.id), say = (value) => format(value, spec.unit, base);

			return `${one.label}: minimum ${say(s.min)}, average ${say(s.avg)}, maximum ${say(s.max)}, last ${say(s.last)}.`;
		});

		set_text(summary, `${full_text(clock.view().from, ctx.zone())} to ${full_text(clock.view().to, ctx.zone())}. ${lines.join(' ')}`);
	}

	/* ---- keyboard: the crosshair is a slider over time ---- */

	const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };

	function on_key(event) {
		const columns = plane.shown(), { from, to } = clock.view();

		if (!columns?.length || event.ctrlKey || event.metaKey || event.altKey)
			return;

		const here = crosshair.get()?.t ?? to;
		let t = null;

		if (event.key in moves)
			t = here + moves[event.key] * columns.step * (event.shiftKey ? 10 : 1);
		else if (event.key === 'Home')
			t = from;
		else if (event.key === 'End')
			t = to;
		else if (event.key === 'Enter' || event.key === '+')
			clock.zoom(0.5, here);
		else if (event.key === '-')
			clock.zoom(2, here);
		else
			return;
		event.preventDefault();
		event.stopPropagation();
		if (t === null)
			return;

		const first = Math.max(columns.from, from), last = Math.min(columns.from + (columns.length - 1) * columns.step, to);
		const at = columns.from + columns.index_at(Math.max(first, Math.min(last, t))) * columns.step;

		crosshair.set({ t: at, source: chart, placed: true });
		set_attr(plot, 'aria-valuenow', Math.round(((at - from) / (to - from)) * 100));
		set_attr(plot, 'aria-valuetext', `${full_text(at, ctx.zone())}: ${rows_at(at).map((row) => `${row.label} ${row.text} ${row.unit}`).join(', ')}`);
	}

	/* ---- state ---- */

	function show_state(ids) {
		const problem = wants.map((want) => want.problem()).find(Boolean) ?? null, has_some = plane.shown()?.length;

		if (problem && !(has_some && ids.length))
			state.failed(problem, () => plane.reload());
		else if (!ids.length && plane.ready() && wants[0].ready())
			state.empty(spec.empty?.why ?? 'Nothing of this kind was found on this host.', spec.empty?.what);
		else if (!ids.length)
			state.loading();
		else
			state.none();

		const partial = problem && has_some && ids.length ? problem : null;

		toggle(note, 'shown', partial !== null);
		if (note.said === partial)
			return;
		note.said = partial;
		fill(note, partial && [h('span', {}, icon('warning'), ` History is missing: ${partial}. `), h('button.link', { type: 'button', onclick: () => plane.reload() }, 'Retry')]);
	}

	function update() {
		const { ids, note: said } = chosen();
		const band = plane.shown()?.banded ?? false;
		const next = `${ids.join('\n')}|${band}|${[...hidden].join()}|${ctx.settings.get().base}|${JSON.stringify(limits(ids))}`;

		show_state(ids);
		if (!ids.length)
			return;
		if (next !== key || !chart) {
			key = next;
			rebuild(ids, band);
			explore.href = ctx.address.to('explorer', { series: write_list(ids) });
		}

		const episodes = ctx.alerts.around([...ids, ...(spec.about ?? []), spec.peak]);

		chart.draw(plane.shown(), ctx.events.list(), episodes);
		draw_alert(episodes);
		draw_legend();
		set_text(now, said || (spec.now?.(ctx) ?? ''));
		summarise();
	}

	const stop = crosshair.on(() => chart && draw_legend());

	return {
		update,
		/* Known before anyone looks: what this host has not gets no place. */
		is_here: () => !spec.optional || wants[0].match().length > 0,
		appear: () => wants.forEach((want) => want.need_history()),
		disappear: () => wants.forEach((want) => want.rest()),
		destroy() {
			stop();
			wants.forEach((want) => want.release());
			chart?.destroy();
		},
	};
}
