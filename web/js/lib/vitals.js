/* vitals.js: the few values that say how a host is, and from where on they
 * deserve a word. Thresholds are percent unless per_cpu says that the number
 * of processors scales them; smooth is over how many seconds the mean is
 * taken that counts, because a second of full CPU is no news.
 *
 * how: 'one' takes the series itself, 'worst' the highest instance. */

import { instance_of, matcher } from './series.js';

export const vitals = [
	{ id: 'cpu', label: 'CPU', series: 'cpu.usage', how: 'one', warning: 80, critical: 95, smooth: 15, says: 'CPU' },
	{ id: 'memory', label: 'Memory', series: 'memory.usage', how: 'one', warning: 90, critical: 97, smooth: 1, says: 'Memory' },
	{ id: 'swap', label: 'Swap', series: 'swap.usage', how: 'one', warning: 60, critical: 90, smooth: 1, says: 'Swap' },
	{ id: 'load', label: 'Load', series: 'load.1', how: 'one', warning: 1.5, critical: 4, per_cpu: true, smooth: 1, says: 'Load' },
	{ id: 'disk', label: 'Busiest disk', series: 'disk.busy/*', how: 'worst', warning: 90, critical: null, smooth: 30, says: 'Disk' },
	{ id: 'fs', label: 'Fullest filesystem', series: 'fs.used_percent/*', how: 'worst', warning: 85, critical: 95, smooth: 1, says: 'Filesystem' },
	{ id: 'inodes', label: 'Inodes', series: 'fs.inodes_percent/*', how: 'worst', warning: 85, critical: 95, smooth: 1, says: 'Inodes of', hidden: true },
	{ id: 'pressure', label: 'Pressure', series: 'pressure.*', how: 'worst', warning: 40, critical: 75, smooth: 30, says: 'Pressure' },
];

for (const vital of vitals)
	vital.matches = matcher(vital.series);

/* What a series is called behind its vital's name: sda, /var, io. */
export const subject_of = (id) => instance_of(id) ?? (id.startsWith('pressure.') ? id.split('.')[1] : '');

/* The lines that a chart of these series may draw. */
export function limits_of(vital, cpus = 1) {
	const factor = vital.per_cpu ? cpus : 1;

	return [
		vital.warning !== null && { at: vital.warning * factor, level: 'warning' },
		vital.critical !== null && { at: vital.critical * factor, level: 'critical' },
	].filter(Boolean);
}
