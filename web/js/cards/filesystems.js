/* filesystems.js: how full each filesystem is, in bytes and in inodes: a bar
 * for each, the fullest first. */
import { fill, h, keyed, set_attr, set_text, toggle } from '../dom.js';
import { family_of, instance_of } from '../lib/series.js';
import { level_of } from '../lib/health.js';
import { format, parts } from '../lib/units.js';
import { vitals } from '../lib/vitals.js';
import { write_list } from '../lib/urlstate.js';
import { icon } from '../parts/icons.js';
import { state_box } from '../parts/states.js';

const series = ['fs.used_percent/*', 'fs.inodes_percent/*', 'fs.free/*', 'fs.size/*'];
const space = vitals.find((vital) => vital.id === 'fs');
const MOST = 12;

export const filesystems = {
	id: 'filesystems', title: 'Filesystems', section: 'disks', wide: true, series,
	mount(el, ctx) {
		const { plane } = ctx;
		const want = plane.want(series, { history: false, top: MOST, rank: [series[0]] });
		const list = h('ul.bars');
		const more = h('span.card-now');
		const state = state_box(list);

		el.append(h('header.card-head', {}, h('h3', { title: 'Space and inodes in use, the fullest first' }, 'Filesystems'), more), list, state.el);

		function value(family, mount) {
			const id = `${family}/${mount}`, now = plane.latest.get(id);

			return { value: now ?? plane.seen.get(id)?.value ?? null, stale: now == null && plane.seen.has(id) };
		}

		function make(mount) {
			const row = h('li.bar-row');

			row.name = h('a.bar-name', { title: mount, href: ctx.address.to('explorer', { series: write_list([`fs.used_percent/${mount}`, `fs.free/${mount}`]) }) }, mount);
			row.level = h('span.bar-level');
			row.used = h('span.bar-fill');
			row.percent = h('span.bar-percent');
			row.free = h('span.bar-free');
			row.inode = h('span.bar-fill.inode');
			row.append(
				h('div.bar-head', {}, row.name, row.level, row.percent),
				h('div.bar', { role: 'img' }, row.used), h('div.bar.thin', {}, row.inode), row.free,
			);
			return row;
		}

		function draw(row, mount) {
			const used = value('fs.used_percent', mount), inode = value('fs.inodes_percent', mount);
			const free = value('fs.free', mount).value, size = value('fs.size', mount).value, base = ctx.settings.get().base;
			const level = used.value === null ? 'ok' : level_of(space, Math.max(used.value, inode.value ?? 0));

			set_text(row.percent, format(used.value, 'percent'));
			row.used.style.width = `${used.value ?? 0}%`;
			row.inode.style.width = `${inode.value ?? 0}%`;
			row.used.dataset.level = level;
			if (row.dataset.level !== level) {
				row.dataset.level = level;
				fill(row.level, level === 'ok' ? null : [icon(level), level === 'critical' ? ' almost full' : ' filling']);
			}
			toggle(row, 'stale', used.stale);
			set_text(row.free, `${format(free, 'bytes', base)} free of ${format(size, 'bytes', base)}${inode.value === null ? '' : ` · inodes ${parts(inode.value, 'percent').text} %`}`);
			set_attr(row.querySelector('.bar'), 'aria-label', `${mount}: ${format(used.value, 'percent')} used`);
		}

		return {
			update() {
				const mounts = want.match().filter((id) => family_of(id) === 'fs.used_percent').map(instance_of);
				const more_of = Math.max(want.instances(), mounts.length) - MOST;
				const sorted = [...mounts].sort((a, b) => (value('fs.used_percent', b).value ?? 0) - (value('fs.used_percent', a).value ?? 0));

				keyed(list, sorted.slice(0, MOST), (mount) => mount, make, draw);
				set_text(more, [ctx.clock.state.get().mode === 'history' ? 'as of now' : '', more_of > 0 ? `+${more_of} more` : ''].filter(Boolean).join(', '));
				if (mounts.length || !plane.ready() || !want.ready())
					state.none();
				else
					state.empty('No filesystem was found.', 'Vedette looks at the mounts of its own namespace, without those of the kernel.');
			},
			appear: want.need_values,
			disappear: want.rest,
			destroy: want.release,
		};
	},
};
