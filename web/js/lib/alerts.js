/* alerts.js: what alerts and their rules say, in words, lines and spans. Pure. */

import { instance_of, matcher } from './series.js';
import { span_words } from './time.js';
import { format } from './units.js';

/* From mild to bad; the names are those of the server. */
export const severities = ['info', 'warning', 'critical'];

export const severity_words = { info: 'Info', warning: 'Warning', critical: 'Critical', none: 'OK' };

/* What a state is called, and its sign; firing has the sign of its severity. */
export const states = {
	pending: { word: 'Pending', icon: 'clock' },
	firing: { word: 'Firing', icon: null },
	acknowledged: { word: 'Acknowledged', icon: 'seen' },
	silenced: { word: 'Silenced', icon: 'silence' },
	resolved: { word: 'Resolved', icon: 'ok' },
	waiting: { word: 'Waiting', icon: 'clock' },
	ok: { word: 'OK', icon: 'ok' },
};

export const rank_of = (severity) => severities.indexOf(severity);

/* The worst first, of equals the newest. */
export const by_weight = (a, b) => rank_of(b.severity) - rank_of(a.severity) || b.startsAt - a.startsAt || a.id.localeCompare(b.id);

/* Asks for someone: it fires, and nobody has seen it, muted it or explained it away. */
export const is_loud = (alert) => alert.state === 'firing' && !alert.inhibited;

/* Less than a second is a second: judging is no quicker. */
export const lasted_ms = (alert, now) => Math.max(1000, (alert.endsAt ?? now) - alert.startsAt);

/* sda, /var, or the series itself where there is but one of the kind. */
export const subject_words = (alert) => instance_of(alert.series) ?? alert.series;

/* Why the header is not green: loud alerts, in the shape of lib/health.js. */
export const reasons_of = (alerts) => alerts
	.filter((alert) => is_loud(alert) && alert.severity !== 'info')
	.sort(by_weight)
	.map((alert) => ({ level: alert.severity, text: `${alert.rule} on ${alert.series}`, id: alert.series, value: null, vital: null, alert: alert.id }));

/* ---- values and limits ---- */

const waits = ['absent', 'full_in'];

/* Does a rule judge samples as they come, and nothing made of them? Then the last one is what it sees. */
export const judges_samples = (rule) => rule.aggregate === 'last' && !waits.includes(rule.compare);

/* The unit in which a rule judges: spans for silence and for filling up. */
export function unit_of(rule, unit) {
	if (waits.includes(rule?.compare))
		return 'ms';
	return rule?.aggregate === 'rate' && unit !== undefined ? (unit === '' ? '/s' : `${unit}/s`) : unit;
}

const amount = (value, rule, unit, base) => (waits.includes(rule?.compare) && value != null ? span_words(value) : format(value, unit_of(rule, unit), base));

export function value_words(rule, value, unit, base) {
	const said = amount(value, rule, unit, base);

	if (value == null)
		return '–';
	return { absent: `silent for ${said}`, full_in: `full in ${said}` }[rule?.compare] ?? said;
}

/* A limit was written by a person: 80, and not 80.0; 0.001, and not almost none. */
function plain(value, said) {
	if (said.startsWith('~'))
		return said.replace('~0', String(Number(value.toPrecision(2))));
	return said.replace(/(\.\d*?)0+(?!\d)/, '$1').replace(/\.(?!\d)/, '');
}

/* "above 80 %". high: the other end of "outside". */
export function limit_words(rule, limit, unit, base, high = null) {
	const say = (value) => (value == null ? '–' : plain(value, amount(value, rule, unit, base)));

	return {
		above: `above ${say(limit)}`, below: `below ${say(limit)}`, equals: `at exactly ${say(limit)}`,
		outside: high === null ? `outside ${say(limit)}` : `outside ${say(limit)} to ${say(high)}`,
		full_in: `full within ${say(limit)}`, absent: `silent for ${say(limit)}`,
	}[rule?.compare] ?? `limit ${say(limit)}`;
}

/* The limit that one alert crossed, behind its value: the end of "outside" that it was; a silence is not said twice. */
export function crossed_words(rule, { threshold, severity }, unit, base) {
	if (rule?.compare === 'absent')
		return `limit ${amount(threshold, rule, unit, base)}`;
	if (rule?.compare === 'outside')
		return limit_words({ ...rule, compare: threshold === rule.limits[severity]?.high ? 'above' : 'below' }, threshold, unit, base);
	return limit_words(rule, threshold, unit, base);
}

/* What a rule asks, one entry for each severity: [{ severity, text }], the worst first. */
export const conditions_of = (rule, unit, base) => severities
	.filter((severity) => rule.limits[severity])
	.reverse()
	.map((severity) => {
		const { limit, high = null, clear } = rule.limits[severity];

		return { severity, text: limit_words(rule, limit, unit, base, high) + (clear != null && clear !== limit ? `, until ${plain(clear, amount(clear, rule, unit, base))}` : '') };
	});

const aggregates = { avg: 'average', min: 'lowest', max: 'highest', rate: 'rate', delta: 'change' };

/* The rest of a rule's sentence: over which window, and for how long. */
export function manner_of(rule) {
	return [
		rule.window > 0 && rule.aggregate !== 'last' && `${aggregates[rule.aggregate] ?? rule.aggregate} of ${span_words(rule.window)}`,
		rule.for > 0 && `for ${span_words(rule.for)}`,
		rule.keep > 0 && `ends after ${span_words(rule.keep)} of calm`,
	].filter(Boolean);
}

/* Where a rule is written: file:line, or that it comes with Vedette. */
export const source_of = (rule) => (rule.line > 0 ? `${rule.file}:${rule.line}` : rule.file ?? '');

/* ---- on charts ---- */

function watcher(rule) {
	const known = new Set(rule.series.map((one) => one.id)), matches = matcher(rule.metric);

	return (id) => known.has(id) || matches(id);
}

/* Whether a limit is a height on the axis of the series itself. */
const is_height = (rule) => !waits.includes(rule.compare) && !['rate', 'delta'].includes(rule.aggregate);

/* The lines that rules draw over a chart of these series: [{ at, level, label }]. */
export function lines_of(rules, ids, most = 4) {
	const found = new Map();

	for (const rule of rules) {
		const is_about = watcher(rule);

		if (!is_height(rule) || !ids.some(is_about))
			continue;
		for (const severity of severities)
			for (const at of [rule.limits[severity]?.limit, rule.limits[severity]?.high])
				if (at != null && !found.has(`${severity} ${at}`))
					found.set(`${severity} ${at}`, { at, level: severity, label: rule.name });
	}
	return [...found.values()].sort((a, b) => rank_of(b.level) - rank_of(a.level)).slice(0, most);
}

/* Lines by rules count before those that the page knows by itself. */
export const merge_lines = (own, ruled) => [...own.filter((line) => !ruled.some((one) => one.level === line.level)), ...ruled];

/* Which alerts touch a span of time, the oldest first. */
export const during = (alerts, from, to) => alerts
	.filter((alert) => alert.state !== 'pending' && alert.startsAt <= to && (alert.endsAt ?? Infinity) >= from)
	.sort((a, b) => a.startsAt - b.startsAt);

/* ---- silences ---- */

/* Commas part the terms of a matcher: in a name, a star stands for one. */
const quoted = (text) => text.replaceAll(',', '*');

export const matcher_of = ({ rule, series }) => (series ? `rule=${quoted(rule)},series=${quoted(series)}` : `rule=${quoted(rule)}`);

/* ---- the past ---- */

/* filters: { rule, severity, state }, each a name or nothing. */
export const filtered = (alerts, { rule, severity, state }) => alerts.filter((alert) => (!rule || alert.rule === rule) && (!severity || alert.severity === severity) && (!state || alert.state === state));

/* Only addresses that a browser should follow from here. */
export const safe_link = (text) => (/^https?:\/\//i.test(text ?? '') ? text : null);
