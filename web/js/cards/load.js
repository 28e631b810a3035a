/* load.js: how many tasks want a processor or a disk. */
import { limits_of, vitals } from '../lib/vitals.js';
import { chart_card } from '../parts/chart-card.js';

const names = { 'load.1': '1 min', 'load.5': '5 min', 'load.15': '15 min' };

export const load = chart_card({
	id: 'load', title: 'Load average', section: 'processor', unit: '',
	help: 'Tasks that run, wait for a processor, or wait uninterruptibly for a disk, averaged. At the number of processors, all are busy.',
	series: Object.keys(names), label: (id) => names[id], least: 1,
	limits: (ctx) => limits_of(vitals.find((vital) => vital.id === 'load'), ctx.cpus()),
	now: (ctx) => (ctx.cpus() ? `${ctx.cpus()} processor${ctx.cpus() === 1 ? '' : 's'}` : ''),
});
