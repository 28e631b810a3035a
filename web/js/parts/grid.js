/* grid.js: a table of any length that stays quick: only the rows in sight are
 * in the page. The header sticks, columns sort, and while a pointer rests on
 * the rows their order is held.
 *
 * The owner fills it with pages: set_page(offset, rows, total) and is told
 * through on_window(first, last) which rows are in sight. */

import { h, new_id, set_attr, set_text, toggle } from '../dom.js';
import { hold_order, window_of } from '../lib/table.js';
import { icon } from './icons.js';

/* Fingers need more. */
const ROW_HEIGHT = matchMedia('(pointer: coarse)').matches ? 44 : 34;

/* columns: [{ id, label, width, number, bar, sort, first, title }]
 * key_of(row), text_of(column, row), share_of(column, row), on_sort(column),
 * on_window(first, last), on_pick(row) */
export function create_grid({ label, key_of, text_of, share_of, on_sort, on_window, on_pick }) {
	let columns = [], rows = [], offset = 0, total = 0, sort = null, order = 'desc', picked = null, hovered = false, active = -1;
	const pool = [];

	const head = h('div.grid-row.grid-head', { role: 'row' });
	const body = h('div.grid-body', { role: 'rowgroup' });
	const el = h('div.grid', { role: 'table', 'aria-label': label, tabindex: 0 }, h('div.grid-top', { role: 'rowgroup' }, head), body);

	el.style.setProperty('--row', `${ROW_HEIGHT}px`);
	body.addEventListener('pointerenter', (event) => { hovered = event.pointerType === 'mouse'; });
	body.addEventListener('pointerleave', () => { hovered = false; });
	el.addEventListener('scroll', () => ask(), { passive: true });
	el.addEventListener('keydown', on_key);
	new ResizeObserver(() => ask()).observe(el);

	let asked = 0;

	function ask() {
		asked ||= requestAnimationFrame(() => {
			asked = 0;
			const { first, last } = in_sight();

			draw();
			on_window?.(first, last);
		});
	}

	/* Arrows walk the rows, Enter picks one: the table is one tab stop. */
	function on_key(event) {
		if (event.target !== el)
			return;

		const page = Math.max(1, Math.floor(el.clientHeight / ROW_HEIGHT) - 2), { first } = in_sight();
		const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };

		if (event.key in steps) {
			const from = active < 0 ? first - 1 : active;

			active = Math.max(0, Math.min(total - 1, from + steps[event.key]));
			reveal(active);
			ask();
		} else if (event.key === 'Enter' && rows[active - offset]) {
			on_pick?.(rows[active - offset]);
		} else {
			return;
		}
		event.preventDefault();
		event.stopPropagation();
	}

	function reveal(at) {
		const top = at * ROW_HEIGHT, room = el.clientHeight - head.offsetHeight;

		if (top < el.scrollTop)
			el.scrollTop = top;
		else if (top + ROW_HEIGHT > el.scrollTop + room)
			el.scrollTop = top + ROW_HEIGHT - room;
	}

	const in_sight = () => window_of(el.scrollTop, el.clientHeight, ROW_HEIGHT, total);

	function draw_head() {
		el.style.setProperty('--grid-columns', columns.map((column) => column.width).join(' '));
		head.textContent = '';
		for (const column of columns) {
			const sorted = sort === column.sort && column.sort !== null;
			const content = column.sort
				? h('button.grid-sort', { type: 'button', title: column.title, onclick: () => on_sort(column) }, column.label, sorted ? icon(order === 'asc' ? 'up' : 'down') : null)
				: h('span', { title: column.title }, column.label);

			head.append(h(`div.grid-cell${column.number ? '.number' : ''}`, {
				role: 'columnheader', 'aria-sort': sorted ? (order === 'asc' ? 'ascending' : 'descending') : column.sort ? 'none' : null,
			}, content));
		}
	}

	function make_row() {
		const row = h('div.grid-row', { role: 'row' });

		row.cells = columns.map((column) => {
			const text = h('span.grid-text');
			const cell = h(`div.grid-cell${column.number ? '.number' : ''}${column.bar ? '.bar-cell' : ''}`, { role: 'cell' }, text);

			cell.text = text;
			row.append(cell);
			return cell;
		});
		row.addEventListener('click', () => row.data && on_pick?.(row.data));
		return row;
	}

	function draw() {
		const { first, last } = in_sight();

		body.style.height = `${total * ROW_HEIGHT}px`;
		set_attr(el, 'aria-rowcount', total + 1);
		while (pool.length < last - first) {
			const row = make_row();

			pool.push(row);
			body.append(row);
		}

		/* A row stays with its element while it is in sight, so that scrolling
		 * writes only what comes into sight. */
		const size = pool.length, used = new Set();

		for (let at = first; at < last; at++) {
			draw_row(pool[at % size], at);
			used.add(pool[at % size]);
		}
		for (const row of pool)
			row.hidden = !used.has(row);
	}

	function draw_row(row, at) {
		const data = rows[at - offset] ?? null;

		toggle(row, 'active', at === active);
		toggle(row, 'picked', data !== null && key_of(data) === picked);
		if (at === active) {
			row.id ||= new_id('row');
			set_attr(el, 'aria-activedescendant', row.id);
		}
		if (row.at === at && row.data === data)
			return;
		if (row.at !== at) {
			row.at = at;
			row.style.transform = `translateY(${at * ROW_HEIGHT}px)`;
			set_attr(row, 'aria-rowindex', at + 2);
			toggle(row, 'odd', at % 2 === 1);
		}
		row.data = data;
		toggle(row, 'gone', Boolean(data?.gone));
		columns.forEach((column, i) => {
			const cell = row.cells[i], text = data ? text_of(column, data) : '';

			if (cell.said === text)
				return;
			cell.said = text;
			cell.text.textContent = text;
			if (!column.number)
				cell.title = text;
			if (column.bar)
				cell.style.setProperty('--share', `${data ? share_of(column, data) : 0}%`);
		});
	}

	return {
		el,
		set_columns(list) {
			columns = list;
			pool.splice(0).forEach((row) => row.remove());
			draw_head();
			draw();
		},
		set_sort(by, direction) {
			if (by === sort && direction === order)
				return;
			sort = by;
			order = direction;
			draw_head();
		},
		set_page(at, page, all) {
			const hold = hovered && at === offset && rows.length > 0;

			rows = hold ? hold_order(rows, page, key_of) : page;
			offset = at;
			total = hold ? Math.max(total, at + rows.length) : all;
			draw();
			return hold;
		},
		pick(key) {
			picked = key;
			draw();
		},
		is_held: () => hovered,
		to_top() { el.scrollTop = 0; },
		window: in_sight,
		draw,
	};
}
