/* cpu.js: where the processors' time went. Guest time is left out: the kernel
 * counts it in user too (proc(5)). */
import { limits_of, vitals } from '../lib/vitals.js';
import { chart_card } from '../parts/chart-card.js';

const modes = ['user', 'nice', 'system', 'irq', 'softirq', 'steal', 'iowait'];

export const cpu = chart_card({
	id: 'cpu', title: 'CPU by mode', section: 'processor', unit: 'percent', kind: 'stack', fixed: [0, 100],
	help: 'Share of all processors\' time by what it was spent on. iowait is idle time with a disk request outstanding.',
	series: modes.map((mode) => `cpu.${mode}`),
	peak: 'cpu.usage',
	limits: () => limits_of(vitals.find((vital) => vital.id === 'cpu')),
});
