/* host.js: what the kernel is doing, and how many files are open. */
import { format } from '../lib/units.js';
import { chart_card } from '../parts/chart-card.js';

export const scheduler = chart_card({
	id: 'scheduler', title: 'Switches and interrupts', section: 'system', unit: '/s', least: 100,
	help: 'Changes from one task to another, and calls from hardware.',
	series: ['host.context_switches', 'host.interrupts', 'host.forks'], label: (id) => id.split('.')[1].replace('_', ' '),
});

export const files = chart_card({
	id: 'files', title: 'Open files', section: 'system', unit: '', least: 100,
	help: 'Files, sockets and pipes that all programs hold open together.',
	series: ['host.open_files'], about: ['host.open_files_percent'], label: () => 'open files',
	now(ctx) {
		const share = ctx.plane.latest.get('host.open_files_percent');

		return share == null ? '' : `${format(share, 'percent')} of the limit`;
	},
});
