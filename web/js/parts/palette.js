/* palette.js: one box that finds views, actions, alerts, rules, series and
 * processes. */

import { fill, h, set_attr } from '../dom.js';
import { get_json } from '../http.js';
import { severity_words, states } from '../lib/alerts.js';
import { rank } from '../lib/fuzzy.js';
import { rows_of } from '../lib/process-columns.js';
import { format } from '../lib/units.js';
import { write_list } from '../lib/urlstate.js';
import { key_name } from '../actions.js';
import { sign_in, silence } from './deeds.js';
import { icon } from './icons.js';

const MOST = 40, EACH = 12, TYPING_MS = 120;

export function create_palette(ctx, actions_of) {
	const input = h('input.palette-input', {
		type: 'text', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'palette-list', 'aria-autocomplete': 'list', 'aria-label': 'Search for anything',
		placeholder: 'Find a metric, a process, an alert, a rule, an action', spellcheck: 'false', autocomplete: 'off', oninput: search, onkeydown: on_key,
	});
	const list = h('div.palette-list', { id: 'palette-list', role: 'listbox', 'aria-label': 'Found' });
	const dialog = h('dialog.palette', { 'aria-label': 'Search for anything', onclick: (event) => event.target === dialog && dialog.close() },
		h('div.palette-head', {}, icon('search'), input, h('kbd', {}, 'Esc')), list);
	let items = [], active = 0, typing = 0, asked = 0, processes = [], series = [], rows = [];

	document.body.append(dialog);

	/* What can be found, by source: rows are { label, hint, icon, run }. */
	const sources = {
		actions: () => actions_of().filter((one) => one.id !== 'palette').map((one) => ({ label: one.label, hint: one.keys.map(key_name).join(' or '), icon: one.icon ?? 'chevron', run: one.run })),
		processes: () => processes,
		series: () => series,
		alerts: () => ctx.alerts.present().map((alert) => ({
			label: `${alert.rule} on ${alert.series}`, hint: `${severity_words[alert.severity].toLowerCase()} alert, ${states[alert.state].word.toLowerCase()}`, icon: alert.severity, run: () => ctx.address.go('alerts', { alert: alert.id }),
		})),
		rules: () => ctx.alerts.rules.get().flatMap((rule) => [
			{ label: `Rule ${rule.name}`, hint: `${rule.metric}, ${states[rule.state].word.toLowerCase()}`, icon: 'alerts', run: () => ctx.address.go('alerts', { tab: 'rules', name: rule.name }) },
			{ label: `Silence ${rule.name}`, hint: ctx.session.is_operator() ? 'for a while' : 'takes an operator', icon: 'silence', run: () => (ctx.session.is_operator() ? silence(ctx, { rule: rule.name }) : sign_in(ctx, 'Silencing takes the operator role.')) },
		]),
	};

	function search() {
		const query = input.value.trim();

		active = 0;
		clearTimeout(typing);
		processes = query ? processes : [];
		draw(query);
		if (query)
			typing = setTimeout(() => find_processes(query), TYPING_MS);
	}

	async function find_processes(query) {
		const number = ++asked;

		try {
			const answer = await ctx.feed.request('get processes', { filter: query, sort: 'cpu', limit: EACH, columns: ['pid', 'name', 'user', 'cpu'] });

			if (number !== asked || !dialog.open)
				return;
			processes = rows_of(answer).map((row) => ({
				label: `${row.name} · PID ${row.pid}`, hint: `${row.user}, ${format(row.cpu, 'percent')}`, icon: 'processes', match: query,
				run: () => ctx.address.go('processes', { filter: row.name }),
			}));
			draw(input.value.trim());
		} catch { /* the other sources still answer */ }
	}

	async function learn_series() {
		try {
			const answer = await get_json('api/v1/series', {});

			ctx.plane.learn(answer.series);
		} catch { /* what is already known is enough */ }
		series = [...ctx.plane.catalog.values()].map((one) => ({
			label: one.id, hint: one.help ?? '', icon: 'explorer', run: () => ctx.address.go('explorer', { series: write_list([one.id]) }),
		}));
		if (dialog.open)
			draw(input.value.trim());
	}

	function draw(query) {
		items = query
			? [...rank(query, sources.alerts(), (item) => `${item.label} alert`, EACH), ...rank(query, sources.actions(), (item) => item.label, EACH), ...rank(query, sources.rules(), (item) => item.label, EACH), ...sources.processes().filter((item) => item.match === query), ...rank(query, sources.series(), (item) => `${item.label} ${item.hint}`, MOST)].slice(0, MOST)
			: [...sources.alerts(), ...sources.actions()];
		rows = items.map((item, i) => h('div.palette-row', { role: 'option', id: `palette-${i}`, onclick: () => run(i), onpointermove: () => mark(i) }, icon(item.icon), h('span.palette-label', {}, item.label), h('span.palette-hint', {}, item.hint)));
		fill(list, rows.length ? rows : h('div.palette-none', {}, `Nothing is called “${query}”.`));
		mark(Math.min(active, Math.max(0, items.length - 1)));
	}

	function mark(at) {
		active = at;
		rows.forEach((row, i) => set_attr(row, 'aria-selected', String(i === at)));
		set_attr(input, 'aria-activedescendant', rows.length ? `palette-${at}` : null);
	}

	function run(at) {
		dialog.close();
		items[at]?.run();
	}

	function on_key(event) {
		if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
			mark((active + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % Math.max(1, items.length));
			rows[active]?.scrollIntoView({ block: 'nearest' });
		} else if (event.key === 'Enter') {
			run(active);
		} else {
			return;
		}
		event.preventDefault();
	}

	return function open() {
		if (dialog.open)
			return;
		input.value = '';
		active = 0;
		processes = [];
		draw('');
		dialog.showModal();
		input.focus();
		learn_series();
	};
}
