/* faults.js: what has failed on this host by its own word, and that nothing
 * has: a line for each fault, one that says so for what is well. */
import { fill, h, keyed, set_text, toggle } from '../dom.js';
import { fault_series, faults_of } from '../lib/faults.js';
import { write_list } from '../lib/urlstate.js';
import { icon } from '../parts/icons.js';
import { state_box } from '../parts/states.js';

const MOST = 6;
const words = { ok: 'OK', info: 'Note', warning: 'Warning', critical: 'Critical' };

export const faults = {
	id: 'faults', title: 'Faults', section: 'system', series: fault_series,
	mount(el, ctx) {
		const { plane } = ctx;
		const want = plane.want(fault_series, { history: false });
		const list = h('ul.faults');
		const more = h('span.card-now');
		const state = state_box(list);

		el.append(h('header.card-head', {}, h('h3', { title: 'Units that failed, storage that reports errors, and who keeps the clock' }, 'Faults'), more), list, state.el);

		const value = (id) => plane.latest.get(id) ?? plane.seen.get(id)?.value ?? null;

		function make() {
			const row = h('li.fault');

			row.level = h('span.fault-level');
			row.subject = h('a.fault-subject');
			row.text = h('span.fault-text');
			row.append(row.level, row.subject, row.text);
			return row;
		}

		function draw(row, id, fault) {
			set_text(row.subject, fault.subject);
			set_text(row.text, fault.text);
			row.subject.title = fault.subject;
			row.subject.href = ctx.address.to('explorer', { series: write_list([fault.id]) });
			toggle(row, 'stale', plane.latest.get(fault.id) == null);
			if (row.dataset.level === fault.level)
				return;
			row.dataset.level = fault.level;
			fill(row.level, [icon(fault.level), h('span.vh', {}, `${words[fault.level]}: `)]);
		}

		return {
			update() {
				const found = faults_of(plane.match(fault_series).map((id) => [id, value(id)]));
				const of = new Map(found.map((fault) => [fault.id, fault]));

				keyed(list, found.slice(0, MOST).map((fault) => fault.id), (id) => id, make, (row, id) => draw(row, id, of.get(id)));
				set_text(more, [ctx.clock.state.get().mode === 'history' ? 'as of now' : '', found.length > MOST ? `+${found.length - MOST} more` : ''].filter(Boolean).join(', '));
				if (found.length || !plane.ready())
					state.none();
				else
					state.empty('This host reports no faults.', 'It has no systemd, no disks that count their errors, and does not tell of its clock.');
			},
			appear() {},
			destroy: want.release,
		};
	},
};
