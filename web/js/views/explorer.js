/* explorer.js: every series there is. Pick some, see them together, one chart
 * for each unit, with their numbers below. The selection is in the address. */

import { fill, h, keyed, new_id, set_attr, set_text, toggle } from '../dom.js';
import { get_json } from '../http.js';
import { styles_of } from '../lib/colours.js';
import { rank } from '../lib/fuzzy.js';
import { area_of, by_name, family_of, instance_of, matcher } from '../lib/series.js';
import { window_of } from '../lib/table.js';
import { full_text } from '../lib/time.js';
import { canonical, format } from '../lib/units.js';
import { read_list, write_list } from '../lib/urlstate.js';
import { chart_card } from '../parts/chart-card.js';
import { icon } from '../parts/icons.js';
import { state_box } from '../parts/states.js';

const AGAIN_MS = 30000, MOST = 64, MOST_IN_CHART = 16;

const titles = {
	percent: 'Percent', bytes: 'Sizes', 'bytes/s': 'Bytes per second', '/s': 'Per second', '': 'Numbers', ms: 'Times', s: 'Times', celsius: 'Temperatures',
};

const starters = [
	{ label: 'CPU by core', series: ['cpu.usage', 'cpu.usage/*'] },
	{ label: 'Memory and swap', series: ['memory.usage', 'swap.usage'] },
	{ label: 'All disk traffic', series: ['disk.read_bytes/*', 'disk.write_bytes/*'] },
	{ label: 'All interfaces', series: ['net.rx_bytes/*', 'net.tx_bytes/*'] },
];

export function mount(el, ctx) {
	const { plane, address } = ctx;
	const row_height = matchMedia('(pointer: coarse)').matches ? 44 : 30;
	let all = [], rows = [], want = null, want_key = '', charts = [], chart_key = '', timer = 0, alive = true, listed = false;

	const chosen_patterns = () => read_list(address.params().series);

	/* Of what there is and, behind it, of what went away. */
	function matched(patterns) {
		const ids = [...plane.match(patterns), ...all.filter((series) => series.gone).map((series) => series.id).filter(matcher(patterns))];

		return [...new Set(ids)];
	}

	const selected = () => matched(chosen_patterns()).slice(0, MOST);

	/* ---- the page ---- */

	const search = h('input.input', { type: 'search', placeholder: 'Search all series', 'aria-label': 'Search series', spellcheck: 'false', autocomplete: 'off', value: address.params().find ?? '', oninput: on_search, onkeydown: on_search_key });
	const count = h('span.toolbar-count');
	const inner = h('div.series-inner');
	const list = h('div.series-list', { role: 'listbox', 'aria-label': 'Series', 'aria-multiselectable': 'true', tabindex: 0, onkeydown: on_list_key }, inner);
	const list_state = state_box(list);
	const board = h('div.explorer-charts');
	const nothing = state_box(null);
	const cut = h('p.explorer-cut', { hidden: true });
	const empty = h('div.explorer-empty', {}, h('strong', {}, 'Pick series from the list.'), h('span', {}, 'Or type a pattern such as disk.*/sda and press Enter. To begin with:'),
		h('div.chips', {}, starters.map((one) => h('button.chip', { type: 'button', onclick: () => choose(one.series) }, one.label))));
	const table_body = h('tbody');
	const table = h('div.card.wide', { hidden: true }, h('header.card-head', {}, h('h3', {}, 'Over the shown range'), h('span.card-now'),
		h('button.button.small', { type: 'button', onclick: save_csv }, 'Save CSV'), h('button.button.small', { type: 'button', onclick: () => choose([]) }, 'Clear')),
		h('div.mini-scroll', {}, h('table.mini.stats', {}, h('thead', {}, h('tr', {}, ['Series', 'Min', 'Avg', 'Max', 'Last', ''].map((name, i) => h(`th${i && i < 5 ? '.number' : ''}`, { scope: 'col' }, name || h('span.vh', {}, 'Remove'))))), table_body)));
	const chips = h('div.chips.selection');

	el.append(h('h1.vh', {}, 'Metrics explorer'), h('div.explorer', {},
		h('aside.explorer-side', { 'aria-label': 'Series' }, h('label.search-box', {}, icon('search'), search), h('div.explorer-count', {}, count), h('div.series-box', {}, list, list_state.el)),
		h('div.explorer-main', {}, h('h2.vh', {}, 'Chosen series'), chips, empty, nothing.el, cut, board, table)));
	list.addEventListener('scroll', () => draw_list(), { passive: true });
	const sizes = new ResizeObserver(() => draw_list());
	sizes.observe(list);

	/* ---- the list ---- */

	async function load_list() {
		clearTimeout(timer);
		if (!alive)
			return;
		try {
			const answer = await get_json('api/v1/series', { gone: true });

			if (!alive)
				return;
			all = answer.series;
			listed = true;
			plane.learn(all);
			list_state.none();
			filter_list();
			ctx.redraw();
		} catch (error) {
			if (alive && !all.length)
				list_state.failed(error.message, load_list);
		}
		timer = setTimeout(load_list, AGAIN_MS);
	}

	/* Found series, or all of them under their areas. */
	function filter_list() {
		const query = search.value.trim();

		if (query) {
			const found = query.includes('*') ? matched([query]).map((id) => plane.about(id)) : rank(query, all, (series) => `${series.id} ${series.help ?? ''}`, 500);

			rows = found.map((series) => ({ series }));
		} else {
			rows = [];
			let area = null;

			for (const series of [...all].sort((a, b) => by_name(a.id, b.id))) {
				if (area_of(series.id) !== area) {
					area = area_of(series.id);
					rows.push({ area });
				}
				rows.push({ series });
			}
		}
		set_text(count, query ? `${rows.length} of ${all.length} series` : `${all.length} series`);
		if (all.length && !rows.length)
			list_state.empty(`No series matches “${query}”.`, 'A * stands for anything, as in disk.*/sda.');
		else
			list_state.none();
		active = -1;
		draw_list();
	}

	const pool = [];
	let active = -1;

	function make_row() {
		const row = h('div.series-row', { role: 'option' });

		row.box = h('span.series-check');
		row.family = h('span.series-family');
		row.instance = h('span.series-instance');
		row.value = h('span.series-value');
		row.append(row.box, h('span.series-name', {}, row.family, row.instance), row.value);
		row.addEventListener('click', () => row.entry?.series && flip(row.entry.series.id));
		inner.append(row);
		return row;
	}

	function draw_list() {
		const { first, last } = window_of(list.scrollTop, list.clientHeight, row_height, rows.length, 4);
		const on = new Set(selected());

		inner.style.height = `${rows.length * row_height}px`;
		while (pool.length < last - first)
			pool.push(make_row());
		pool.forEach((row, i) => {
			const entry = first + i < last ? rows[first + i] : null;

			row.hidden = !entry;
			row.entry = entry;
			if (!entry)
				return;
			row.style.transform = `translateY(${(first + i) * row_height}px)`;
			row.style.height = `${row_height}px`;
			draw_row(row, entry, first + i, on);
		});
	}

	function draw_row(row, { area, series }, at, on) {
		toggle(row, 'area', Boolean(area));
		toggle(row, 'active', at === active);
		set_attr(row, 'aria-selected', series ? String(on.has(series.id)) : null);
		set_attr(row, 'role', series ? 'option' : 'presentation');
		set_attr(row, 'title', series ? `${series.id}\n${series.help ?? ''}` : null);
		set_text(row.family, area ?? family_of(series.id));
		set_text(row.instance, series && instance_of(series.id) !== null ? `/${instance_of(series.id)}` : '');
		toggle(row, 'gone', Boolean(series?.gone));
		set_text(row.value, series?.gone ? 'gone' : series ? format(plane.latest.get(series.id) ?? series.last, series.unit, ctx.settings.get().base) : '');
		if (at === active) {
			row.id ||= new_id('series');
			set_attr(list, 'aria-activedescendant', row.id);
		}
	}

	function on_list_key(event) {
		const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity };

		if (event.key in steps) {
			active = Math.max(0, Math.min(rows.length - 1, active + steps[event.key]));
			if (rows[active]?.area !== undefined && rows[active + 1])
				active = Math.max(0, event.key === 'ArrowUp' && active > 0 ? active - 1 : active + 1);
			const top = active * row_height;

			if (top < list.scrollTop)
				list.scrollTop = top;
			else if (top + row_height > list.scrollTop + list.clientHeight)
				list.scrollTop = top + row_height - list.clientHeight;
			draw_list();
		} else if ((event.key === 'Enter' || event.key === ' ') && rows[active]?.series) {
			flip(rows[active].series.id);
		} else {
			return;
		}
		event.preventDefault();
		event.stopPropagation();
	}

	let typing = 0;

	function on_search() {
		list.scrollTop = 0;
		filter_list();
		clearTimeout(typing);
		typing = setTimeout(() => address.change({ find: search.value.trim() || null }, { replace: true }), 300);
	}

	/* Enter takes a pattern whole, or the best match. */
	function on_search_key(event) {
		if (event.key === 'ArrowDown') {
			list.focus();
			on_list_key(event);
		}
		if (event.key !== 'Enter')
			return;

		const query = search.value.trim();

		if (query.includes('*'))
			choose([...new Set([...chosen_patterns(), query])]);
		else if (rows[0]?.series)
			flip(rows[0].series.id);
	}

	/* ---- the selection ---- */

	function choose(patterns) {
		address.change({ series: write_list(patterns) || null });
		update();
		draw_list();
	}

	function flip(id) {
		const patterns = chosen_patterns();

		if (patterns.includes(id))
			choose(patterns.filter((pattern) => pattern !== id));
		else if (selected().includes(id)) /* chosen through a pattern: spell out the rest */
			choose(selected().filter((one) => one !== id));
		else
			choose([...patterns, id]);
	}

	/* Chosen, and nothing there: a link from before, another host, a slip. */
	function say_nothing(ids) {
		const patterns = chosen_patterns();

		if (!patterns.length || ids.length || !listed)
			nothing.none();
		else
			nothing.empty(`No series matches ${patterns.map((pattern) => `“${pattern}”`).join(', ')}.`, 'This host has none of that name, and remembers none. A * stands for anything, as in disk.*/sda.');
	}

	function draw_chips() {
		keyed(chips, chosen_patterns(), (pattern) => pattern, (pattern) => h('button.chip.removable', { type: 'button', 'aria-label': `Remove ${pattern}`, onclick: () => choose(chosen_patterns().filter((one) => one !== pattern)) }, pattern, icon('close')));
	}

	/* By their names and not by pattern: of * only what is shown is watched. */
	function rewant(ids) {
		const key = ids.join('\n');

		if (key === want_key)
			return;
		want_key = key;
		want?.release();
		want = ids.length ? plane.want(ids, { history: false }) : null;
	}

	/* ---- charts, one for each unit ---- */

	function rebuild(groups) {
		for (const chart of charts)
			chart.card.destroy();
		board.textContent = '';
		charts = [...groups].map(([unit, ids]) => {
			const place = h('section.card.wide.explorer-card', { 'aria-label': titles[unit] ?? unit });
			const title = ids.length === 1 ? ids[0] : titles[unit] ?? unit;
			const spec = chart_card({
				id: `explore-${unit}`, title, unit, series: ids, most: MOST_IN_CHART, gone: true, label: (id) => (plane.about(id).gone ? `${id} (gone)` : id),
				fixed: unit === 'percent' && !ids.some((id) => (plane.stats_of(id).max ?? 0) > 100) ? [0, 100] : undefined,
			});

			board.append(place);

			const card = spec.mount(place, ctx);

			card.appear();
			return { card };
		});
	}

	function draw_table(ids) {
		const styles = new Map();
		const base = ctx.settings.get().base;

		for (const group of group_by_unit(ids).values())
			styles_of(group.slice(0, MOST_IN_CHART), plane.places).forEach((style, i) => styles.set(group[i], style));
		table.hidden = !ids.length;
		set_text(table.querySelector('.card-now'), `${full_text(ctx.clock.view().from, ctx.zone())} – ${full_text(ctx.clock.view().to, ctx.zone())}`);
		keyed(table_body, ids, (id) => id, (id) => {
			const row = h('tr');

			row.numbers = ['min', 'avg', 'max', 'last'].map(() => h('td.number'));
			row.swatch = h('span.swatch');
			row.append(h('th', { scope: 'row', title: plane.about(id).help }, h('span.stats-name', {}, row.swatch, h('span.series-id', {}, id))), ...row.numbers,
				h('td.tight', {}, h('button.icon-button.quiet', { type: 'button', 'aria-label': `Remove ${id}`, onclick: () => flip(id) }, icon('close'))));
			return row;
		}, (row, id) => {
			const s = plane.stats_of(id), style = styles.get(id), { unit } = plane.about(id);

			row.swatch.className = style ? `swatch hue-${style.hue} dash-${style.dash}` : 'swatch none';
			['min', 'avg', 'max', 'last'].forEach((name, i) => set_text(row.numbers[i], format(s[name], unit, base)));
		});
	}

	function group_by_unit(ids) {
		const groups = new Map();

		for (const id of ids) {
			const unit = canonical(plane.about(id).unit);

			groups.set(unit, [...(groups.get(unit) ?? []), id]);
		}
		return groups;
	}

	function save_csv() {
		const ids = selected(), columns = plane.shown();

		if (!columns)
			return;

		const quote = (text) => `"${text.replaceAll('"', '""')}"`;
		const lines = [['time', ...ids.map(quote)].join(',')];

		columns.seconds.forEach((second, i) => lines.push([new Date(second * 1000).toISOString(), ...ids.map((id) => columns.rows.get(id)?.values[i] ?? '')].join(',')));

		const link = h('a', { href: URL.createObjectURL(new Blob([lines.join('\n')], { type: 'text/csv' })), download: 'vedette.csv' });

		link.click();
		setTimeout(() => URL.revokeObjectURL(link.href), 1000);
	}

	function update() {
		const found = matched(chosen_patterns()), ids = found.slice(0, MOST), groups = group_by_unit(ids);
		const key = [...groups].map(([unit, list_]) => `${unit}:${list_.join()}`).join('|');

		rewant(ids);
		draw_chips();
		say_nothing(ids);
		set_text(cut, found.length > MOST ? `The first ${MOST} of ${found.length} series are shown. A narrower pattern shows the rest.` : '');
		cut.hidden = found.length <= MOST;
		empty.hidden = chosen_patterns().length > 0;
		if (key !== chart_key) {
			chart_key = key;
			rebuild(groups);
		}
		for (const { card } of charts)
			card.update();
		draw_table(ids);
		draw_list();
	}

	list_state.loading();
	load_list();
	return {
		update,
		address_changed() {
			if (document.activeElement !== search && search.value.trim() !== (address.params().find ?? '')) {
				search.value = address.params().find ?? '';
				filter_list();
			}
			update();
		},
		destroy() {
			alive = false;
			clearTimeout(timer);
			clearTimeout(typing);
			sizes.disconnect();
			want?.release();
			for (const { card } of charts)
				card.destroy();
		},
	};
}
