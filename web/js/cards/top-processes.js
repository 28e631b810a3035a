/* top-processes.js: the processes that use most, asked for every few seconds
 * while the card is in sight. The whole table has a view of its own. */
import { h, keyed, set_text, toggle } from '../dom.js';
import { hidden_hint, process_columns, rows_of } from '../lib/process-columns.js';
import { hold_order } from '../lib/table.js';
import { bar_share, cell_text } from '../parts/process-cells.js';
import { state_box } from '../parts/states.js';

const ROWS = 10, EVERY_MS = 3000;
const shown = ['pid', 'name', 'user', 'cpu', 'memory', 'rss'];
const orders = [{ sort: 'cpu', label: 'CPU' }, { sort: 'memory', label: 'Memory' }, { sort: 'io', label: 'Disk' }];

export const top_processes = {
	id: 'top-processes', title: 'Top processes', section: 'processes', wide: true, series: [],
	mount(el, ctx) {
		let sort = 'cpu', timer = 0, rows = [], visible = false, hovered = false, asked = 0;
		const columns = () => [...shown, ...(sort === 'io' ? ['read', 'write'] : [])].map((id) => process_columns.find((column) => column.id === id));

		const tabs = h('div.segments', { role: 'group', 'aria-label': 'Order by' }, orders.map((one) => h('button', {
			type: 'button', 'aria-pressed': String(one.sort === sort), 'data-sort': one.sort, onclick: () => choose(one.sort),
		}, one.label)));
		const when = h('span.card-when');
		const hidden = h('span.card-when', { title: hidden_hint });
		const all = h('a.card-link', { href: ctx.address.to('processes', {}) }, 'All processes');
		const head = h('tr');
		const body = h('tbody', { onpointerenter: () => { hovered = true; }, onpointerleave: () => { hovered = false; } });
		const table = h('table.mini', {}, h('thead', {}, head), body);
		const scroller = h('div.mini-scroll', { tabindex: 0, role: 'region', 'aria-label': 'Top processes' }, table);
		const state = state_box(scroller);

		el.append(h('header.card-head', {}, h('h3', {}, 'Top processes'), when, hidden, tabs, all), scroller, state.el);
		draw_head();
		state.loading();

		function draw_head() {
			head.textContent = '';
			head.append(...columns().map((column) => h(`th${column.number ? '.number' : ''}`, { scope: 'col' }, column.label)));
			body.textContent = '';
			body.kept = null;
		}

		function choose(next) {
			sort = next;
			for (const button of tabs.children)
				button.setAttribute('aria-pressed', String(button.dataset.sort === sort));
			rows = [];
			draw_head();
			ask();
		}

		function make() {
			const row = h('tr');

			row.cells_by = columns().map((column) => {
				const text = h('span.grid-text'), cell = h(`td${column.number ? '.number' : ''}${column.bar ? '.bar-cell' : ''}`, {}, text);

				cell.text = text;
				row.append(cell);
				return cell;
			});
			return row;
		}

		function draw() {
			const list = columns();

			keyed(body, rows, (row) => row.pid, make, (el_row, row) => {
				toggle(el_row, 'gone', Boolean(row.gone));
				list.forEach((column, i) => {
					set_text(el_row.cells_by[i].text, cell_text(column, row[column.id], ctx));
					if (column.bar)
						el_row.cells_by[i].style.setProperty('--share', `${bar_share(row[column.id])}%`);
				});
			});
		}

		async function ask() {
			const number = ++asked;

			clearTimeout(timer);
			if (!visible || document.hidden)
				return;
			if (ctx.clock.state.get().mode === 'paused' && rows.length) {
				timer = setTimeout(ask, EVERY_MS);
				return;
			}
			try {
				const answer = await ctx.feed.request('get processes', { sort, order: 'desc', limit: ROWS, columns: columns().map((column) => column.id) });

				if (number !== asked)
					return;
				const fresh = rows_of(answer);

				set_text(hidden, answer.hidden ? 'others\' are hidden' : '');
				rows = hovered && rows.length ? hold_order(rows, fresh, (row) => row.pid) : fresh;
				state.none();
				draw();
			} catch (error) {
				/* Offline is said once, at the top of the page: the rows stay. */
				const { phase } = ctx.feed.state.get();

				if (number === asked && phase === 'online')
					state.failed(error.message, ask);
				else if (number === asked && phase === 'offline' && !rows.length)
					state.failed('Vedette is not connected.', ctx.feed.retry_now);
			}
			if (number === asked)
				timer = setTimeout(ask, EVERY_MS);
		}

		const stops = [ctx.feed.state.on(({ phase }) => phase === 'online' && ask()), ctx.visible.on((on) => on && ask())];

		return {
			/* There is no history of the table: in a past range it says so. */
			update: () => set_text(when, ctx.clock.state.get().mode === 'history' ? 'as of now' : ''),
			appear() {
				visible = true;
				ask();
			},
			disappear() {
				visible = false;
				clearTimeout(timer);
			},
			destroy() {
				visible = false;
				asked++;
				clearTimeout(timer);
				for (const stop of stops)
					stop();
			},
		};
	},
};
