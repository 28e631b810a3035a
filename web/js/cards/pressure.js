/* pressure.js: time that work stood still for want of something (PSI). */
import { limits_of, vitals } from '../lib/vitals.js';
import { chart_card } from '../parts/chart-card.js';

export const pressure = chart_card({
	id: 'pressure', title: 'Pressure', section: 'memory', unit: 'percent', fixed: [0, 100],
	help: 'Share of time in which some (or all: full) tasks stood still waiting for a processor, memory or a disk. The kernel\'s own measure of "too little".',
	series: ['pressure.cpu.some', 'pressure.memory.some', 'pressure.memory.full', 'pressure.io.some', 'pressure.io.full'],
	label: (id) => id.slice('pressure.'.length).replace('.', ' '),
	limits: () => limits_of(vitals.find((vital) => vital.id === 'pressure')),
	empty: { why: 'This kernel does not measure pressure.', what: 'It needs Linux 4.20 or later, started with psi=1 where the distribution turns it off.' },
});
