/* memory.js: what memory holds, and what moves between it and disks. */
import { format } from '../lib/units.js';
import { chart_card } from '../parts/chart-card.js';

const total = (ctx) => ctx.plane.latest.get('memory.total') ?? null;

export const memory = chart_card({
	id: 'memory', title: 'Memory', section: 'memory', unit: 'bytes', kind: 'stack',
	help: 'Used is what programs could not have; caches and buffers that are reclaimable are given back when programs need them. Shared memory and tmpfs are used.',
	/* Together the total. Not memory.cached, which counts shared memory too, as used does. */
	series: ['memory.used', 'memory.reclaimable', 'memory.free'],
	quiet: (id) => id === 'memory.free',
	about: ['memory.usage'],
	/* Rules speak of percent; the axis is the same amount in bytes. */
	limits: (ctx) => (total(ctx) ? ctx.alerts.lines(['memory.usage']).map((line) => ({ ...line, at: (line.at / 100) * total(ctx) })) : []),
	top: total,
	now: (ctx) => (total(ctx) ? `of ${format(total(ctx), 'bytes', ctx.settings.get().base)}` : ''),
});

const names = {
	'swap.in_bytes': 'swap in', 'swap.out_bytes': 'swap out',
	'memory.page_in_bytes': 'page in', 'memory.page_out_bytes': 'page out',
};

export const paging = chart_card({
	id: 'paging', title: 'Swap and paging', section: 'memory', unit: 'bytes/s', mirror: true, least: 1024,
	help: 'Read from disk into memory above the line, written out below. Swapping that lasts means too little memory.',
	series: Object.keys(names), about: ['swap.usage'], label: (id) => names[id], down: (id) => id.includes('out'),
});
