/* rules.js: the rules in force: what each asks, what it sees now, where it is
 * written, and in its own words why it fires or does not. */

import { fill, h, keyed, set_attr, set_text, toggle } from '../../dom.js';
import { ask_again } from '../../ask-again.js';
import { get_json } from '../../http.js';
import { conditions_of, manner_of, safe_link, severity_words, source_of, states, value_words } from '../../lib/alerts.js';
import { instance_of } from '../../lib/series.js';
import { write_list } from '../../lib/urlstate.js';
import { deed_button, silence } from '../../parts/deeds.js';
import { icon } from '../../parts/icons.js';
import { state_box } from '../../parts/states.js';

const EVERY_MS = 3000, MOST_VALUES = 3;
const order = ['firing', 'pending', 'waiting', 'ok'];
const example = 'alert "HIGH_CPU" { metric = "cpu"  above = 80  clear = 75  for = 30s  severity = warning }';

export function mount(el, ctx) {
	const { address } = ctx;
	let rules = [];
	const count = h('span.toolbar-count'), list = h('ul.rule-list'), state = state_box(list);

	el.append(h('div.toolbar', {}, count), h('div.panel-box', {}, list, state.el));

	const open_one = () => address.params().name ?? null;

	const asking = ask_again(ctx, {
		every_ms: EVERY_MS, state,
		ask: ctx.alerts.load_rules,
		show(answer) {
			rules = answer;
			if (!rules.length)
				state.empty('There are no rules.', ['Write one in the configuration, such as ', h('code', {}, example), ', and reload (SIGHUP).']);
			update();
			if (open_one() && !explained.has(open_one()))
				explain(open_one());
		},
	});

	/* ---- in its own words ---- */

	const explained = new Map();

	async function explain(name) {
		try {
			explained.set(name, { text: (await get_json(`api/v1/rules/${encodeURIComponent(name)}/explain`)).text });
		} catch (error) {
			explained.set(name, { error: error.message });
		}
		update();
	}

	/* ---- a row ---- */

	function make_row(rule) {
		const row = h('li.rule-row'), id = `rule-${rule.name}`;

		row.state = h('span.rule-state');
		row.head = h('button.rule-head', { type: 'button', 'aria-controls': id, onclick: () => flip(rule.name) }, row.state, h('strong.rule-name', {}, rule.name), row.asks = h('span.rule-asks'), row.values = h('span.rule-values'), icon('chevron'));
		row.body = h('div.rule-body', { id, hidden: true });
		row.append(row.head, row.body);
		return row;
	}

	function flip(name) {
		explained.delete(name);
		address.change({ name: open_one() === name ? null : name }, { replace: true });
		if (open_one() === name)
			explain(name);
		update();
	}

	const unit_of_rule = (rule) => ctx.plane.about(rule.series[0]?.id ?? '').unit;

	function values_of(rule) {
		const base = ctx.settings.get().base, worst = [...rule.series].sort((a, b) => (b.state === 'firing') - (a.state === 'firing') || (b.value ?? -Infinity) - (a.value ?? -Infinity));
		const said = worst.slice(0, MOST_VALUES).filter((one) => one.value != null).map((one) => `${rule.matched > 1 ? `${instance_of(one.id) ?? one.id} ` : ''}${value_words(rule, one.value, ctx.plane.about(one.id).unit, base)}`);

		if (rule.state === 'waiting')
			return 'no such series yet';
		return said.length ? `${said.join(' · ')}${rule.matched > MOST_VALUES ? ` · +${rule.matched - MOST_VALUES}` : ''}` : 'no value yet';
	}

	function draw_row(row, rule) {
		const base = ctx.settings.get().base, unit = unit_of_rule(rule), open = open_one() === rule.name;
		const worst = rule.series.some((one) => one.severity === 'critical' && one.state === 'firing') ? 'critical' : rule.series.some((one) => one.severity === 'warning' && one.state === 'firing') ? 'warning' : 'info';
		const key = `${rule.state} ${worst}`, asks = `${rule.metric} ${conditions_of(rule, unit, base).map((one) => one.text).join('; ')}`;

		if (row.said !== key) {
			row.said = key;
			row.dataset.state = rule.state;
			row.dataset.severity = rule.state === 'firing' ? worst : '';
			fill(row.state, icon(rule.state === 'firing' ? worst : states[rule.state].icon), h('span', {}, states[rule.state].word));
		}
		set_text(row.asks, asks);
		set_attr(row.asks, 'title', asks);
		set_text(row.values, values_of(rule));
		set_attr(row.head, 'aria-expanded', String(open));
		toggle(row, 'open', open);
		row.body.hidden = !open;
		if (open)
			draw_body(row, rule, unit, base);
	}

	function draw_body(row, rule, unit, base) {
		const said = explained.get(rule.name), key = JSON.stringify([said, rule.line, unit, ctx.session.state.get().role]);

		if (row.open_key === key)
			return;
		row.open_key = key;

		const mute = deed_button(ctx, { label: 'Silence this rule', sign: 'silence', what: 'Silencing', run: () => silence(ctx, { rule: rule.name }) });
		const runbook = safe_link(rule.runbook);

		fill(row.body,
			h('ul.rule-conditions', {}, conditions_of(rule, unit, base).map((one) => h('li', { 'data-severity': one.severity }, icon(one.severity), h('span', {}, `${severity_words[one.severity]} when ${one.text}`))),
				manner_of(rule).map((text) => h('li', {}, icon('clock'), h('span', {}, text)))),
			h('div.alert-facts', {}, h('span.alert-fact', {}, h('span.alert-fact-name', {}, 'Written in'), ' ', source_of(rule)),
				rule.channels?.length ? h('span.alert-fact', {}, h('span.alert-fact-name', {}, 'Tells'), ' ', rule.channels.join(', ')) : null,
				rule.inhibitedBy?.length ? h('span.alert-fact', {}, h('span.alert-fact-name', {}, 'Held back by'), ' ', rule.inhibitedBy.join(', ')) : null,
				rule.inhibits?.length ? h('span.alert-fact', {}, h('span.alert-fact-name', {}, 'Holds back'), ' ', rule.inhibits.join(', ')) : null,
				runbook ? h('span.alert-fact', {}, h('span.alert-fact-name', {}, 'Runbook'), ' ', h('a.link-like', { href: runbook, target: '_blank', rel: 'noopener noreferrer' }, runbook.replace(/^https?:\/\//i, ''))) : null,
				(rule.labels ?? []).map((label) => h('span.label', {}, label))),
			said?.error ? h('p.form-error', {}, `It could not be explained: ${said.error} `, h('button.link', { type: 'button', onclick: () => explain(rule.name) }, 'Retry')) : h('pre.explanation', { tabindex: 0, 'aria-label': 'What it sees now' }, said?.text ?? 'Asking…'),
			h('div.alert-deeds', {}, mute,
				h('button.button.small', { type: 'button', onclick: () => explain(rule.name) }, icon('retry'), h('span', {}, 'Look again')),
				h('a.button.small', { href: address.to('explorer', { series: write_list(rule.series.slice(0, 16).map((one) => one.id)) }) }, icon('chart'), h('span', {}, 'Charts')),
				h('a.button.small', { href: address.to('alerts', { tab: 'history', rule: rule.name }) }, icon('clock'), h('span', {}, 'Its history'))));
	}

	function update() {
		const sorted = [...rules].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.name.localeCompare(b.name));
		const of = (name) => rules.filter((rule) => rule.state === name).length;

		keyed(list, sorted, (rule) => rule.name, make_row, draw_row);
		if (!rules.length)
			return;
		set_text(count, `${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}: ${order.filter(of).map((name) => `${of(name)} ${states[name].word.toLowerCase()}`).join(', ')}`);
	}

	return {
		update,
		address_changed() {
			if (open_one() && !explained.has(open_one()))
				explain(open_one());
		},
		destroy: asking.stop,
	};
}
