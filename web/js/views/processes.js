/* processes.js: the whole process table. The server sorts, filters and cuts;
 * the page asks for the rows in sight and a few around them. */

import { fill, h, set_text } from '../dom.js';
import { default_columns, hidden_hint, narrow_columns, process_columns, rows_of } from '../lib/process-columns.js';
import { clock_text, full_text } from '../lib/time.js';
import { create_grid } from '../parts/grid.js';
import { icon } from '../parts/icons.js';
import { popover } from '../parts/popover.js';
import { bar_share, cell_text } from '../parts/process-cells.js';
import { state_box } from '../parts/states.js';

const EVERY_MS = 2500, TYPING_MS = 200, PAGE = 120;

export function mount(el, ctx) {
	const { feed, settings, address } = ctx;
	let timer = 0, typing = 0, asked = 0, page = { first: 0, last: PAGE }, picked = null, alive = true, known = false;

	const query = () => {
		const { sort = 'cpu', order = 'desc', filter = '' } = address.params();

		return { sort, order, filter };
	};
	const chosen = () => settings.get().columns ?? (matchMedia('(max-width: 700px)').matches ? narrow_columns : default_columns);
	const columns = () => process_columns.filter((column) => chosen().includes(column.id));

	/* ---- the page ---- */

	const filter = h('input.input', { type: 'search', placeholder: 'Filter by name, command, user, PID', 'aria-label': 'Filter processes', spellcheck: 'false', autocomplete: 'off', value: query().filter, oninput: on_typing });
	const count = h('span.toolbar-count', { 'aria-live': 'off' });
	const held = h('span.toolbar-note');
	const hidden = h('span.toolbar-hint', { hidden: true, title: hidden_hint }, icon('info'), ' Those of other users are hidden');
	const choose = h('button.button', { type: 'button', 'aria-label': 'Columns to show' }, icon('columns'), h('span', {}, 'Columns'));
	const details = h('div.details', { hidden: true });
	const grid = create_grid({
		label: 'Processes', key_of: (row) => row.pid,
		text_of: (column, row) => cell_text(column, row[column.id], ctx),
		share_of: (column, row) => bar_share(row[column.id]),
		on_sort, on_window, on_pick: pick,
	});
	const state = state_box(grid.el);

	popover(choose, column_menu, { label: 'Columns' });
	el.classList.add('fixed-view');
	el.append(
		h('div.toolbar', {}, h('h1.view-title', {}, 'Processes'), h('label.search-box', {}, icon('search'), filter), count, hidden, held, choose),
		details, h('div.grid-box', {}, grid.el, state.el),
	);
	grid.set_columns(columns());
	state.loading();

	function column_menu() {
		return [h('div.menu-title', {}, 'Columns'), process_columns.map((column) => h('label.menu-check', {}, h('input', {
			type: 'checkbox', checked: chosen().includes(column.id), disabled: column.id === 'pid',
			onchange(event) {
				settings.change({ columns: process_columns.map((c) => c.id).filter((id) => (id === column.id ? event.target.checked : chosen().includes(id))) });
				grid.set_columns(columns());
				ask();
			},
		}), column.label))];
	}

	/* ---- what is asked ---- */

	function on_typing() {
		clearTimeout(typing);
		typing = setTimeout(() => {
			address.change({ filter: filter.value.trim() || null }, { replace: true });
			grid.to_top();
			ask();
		}, TYPING_MS);
	}

	function on_sort(column) {
		const now = query(), first = column.first ?? 'desc';

		address.change({ sort: column.sort, order: now.sort !== column.sort ? first : now.order === 'asc' ? 'desc' : 'asc' });
		grid.to_top();
		ask();
	}

	/* Rows came into sight that the last page does not hold. */
	function on_window(first, last) {
		if (first >= page.first && last <= page.last)
			return;
		page = page_of(first, last);
		ask();
	}

	const page_of = (first, last) => ({ first: Math.max(0, first - 40), last: Math.max(last + 40, first + PAGE) });

	async function ask() {
		const number = ++asked, { sort, order, filter: text } = query();
		const offset = page.first, limit = page.last - page.first;
		const names = [...new Set(['pid', ...columns().map((column) => column.id), ...(picked ? ['command', 'name', 'user', 'ppid', 'started'] : [])])];

		clearTimeout(timer);
		grid.set_sort(sort, order);
		try {
			const answer = await feed.request('get processes', { sort, order, offset, limit, filter: text, columns: names });

			if (number !== asked || !alive)
				return;
			show(answer, offset, text);
		} catch (error) {
			if (number !== asked || !alive)
				return;
			/* Rows that are there stay: the banner says that they are old. */
			if (feed.state.get().phase === 'online')
				state.failed(error.message, ask);
			else if (feed.state.get().phase === 'offline' && !known)
				state.failed('Vedette is not connected. Processes are asked for when it is back.', feed.retry_now);
		}
		again(number);
	}

	function again(number) {
		if (number === asked && alive && !document.hidden)
			timer = setTimeout(() => (ctx.clock.state.get().mode === 'paused' ? again(number) : ask()), EVERY_MS);
	}

	function show(answer, offset, text) {
		known = true;

		const kept = grid.set_page(offset, rows_of(answer), answer.matched);

		set_text(count, text ? `${answer.matched} of ${answer.total}` : `${answer.total} processes`);
		hidden.hidden = !answer.hidden;
		fill(held, kept ? [icon('pause'), ' Order held while you point'] : ctx.clock.shown_mode() === 'history' ? `As of now, ${clock_text(answer.timestamp, ctx.zone())}` : null);
		if (answer.matched === 0 && text)
			state.empty(`No process matches “${text}”.`, 'The filter looks in name, command, user and PID.');
		else
			state.none();
		if (picked)
			show_details(rows_of(answer).find((row) => row.pid === picked));
	}

	/* ---- one process ---- */

	function pick(row) {
		picked = picked === row.pid ? null : row.pid;
		grid.pick(picked);
		details.hidden = picked === null;
		if (picked !== null) {
			show_details(row);
			ask();
		}
	}

	function show_details(row) {
		if (!row)
			return;

		const started = row.started ? full_text(row.started, ctx.zone()) : '–';

		fill(details,
			h('div.details-head', {}, h('strong', {}, row.name ?? ''), h('span', {}, `PID ${row.pid}`), h('span', {}, `parent ${row.ppid ?? '–'}`), h('span', {}, `user ${row.user ?? '–'}`), h('span', {}, `started ${started}`),
				h('button.icon-button.quiet', { type: 'button', 'aria-label': 'Close details', onclick: () => pick(row) }, icon('close'))),
			h('code.details-command', {}, row.command ?? ''));
	}

	const stops = [
		feed.state.on(({ phase }) => phase === 'online' && ask()),
		ctx.visible.on((on) => on && ask()),
	];

	ask();
	return {
		update: () => {},
		/* Back and forward changed the address under us. */
		address_changed() {
			if (document.activeElement !== filter)
				filter.value = query().filter;
			ask();
		},
		destroy() {
			alive = false;
			clearTimeout(timer);
			clearTimeout(typing);
			for (const stop of stops)
				stop();
			el.classList.remove('fixed-view');
		},
	};
}
