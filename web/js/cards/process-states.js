/* process-states.js: how many processes run, wait, or are not buried yet. */
import { format } from '../lib/units.js';
import { chart_card } from '../parts/chart-card.js';

export const process_states = chart_card({
	id: 'process-states', title: 'Process states', section: 'processes', unit: '', least: 4,
	help: 'Blocked processes wait for a disk and cannot even be killed; zombies wait for their parent to notice.',
	series: ['proc.running', 'proc.blocked', 'proc.zombie', 'proc.stopped'], label: (id) => id.split('.')[1],
	now: (ctx) => (ctx.plane.latest.get('proc.total') != null ? `${format(ctx.plane.latest.get('proc.total'), '')} in all` : ''),
	tall: true,
});
