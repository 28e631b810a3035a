/* disks.js: what disks move, how busy they are, how long a request takes. */
import { by_instance, instance_of } from '../lib/series.js';
import { limits_of, vitals } from '../lib/vitals.js';
import { chart_card } from '../parts/chart-card.js';

const empty = { why: 'No block device with activity was found.', what: 'In a container, /proc/diskstats shows the host\'s devices only if it is allowed to.' };

export const disk_throughput = chart_card({
	id: 'disk-throughput', title: 'Disk throughput', section: 'disks', unit: 'bytes/s', mirror: true, least: 1024, empty,
	help: 'Read above the line, written below.',
	series: ['disk.read_bytes/*', 'disk.write_bytes/*'], label: (id) => `${instance_of(id)} ${id.startsWith('disk.read') ? 'read' : 'write'}`, down: (id) => id.startsWith('disk.write'),
	pick: by_instance, busiest: 4,
});

export const disk_busy = chart_card({
	id: 'disk-busy', title: 'Disk busy', section: 'disks', unit: 'percent', fixed: [0, 100], empty,
	help: 'Share of time with at least one request in the device. A device that serves many at once may do more at 100 %.',
	series: ['disk.busy/*'], busiest: 8, limits: () => limits_of(vitals.find((vital) => vital.id === 'disk')),
});

export const disk_wait = chart_card({
	id: 'disk-wait', title: 'Disk wait', section: 'disks', unit: 'ms', least: 1, empty,
	help: 'How long a request took on average, waiting included.',
	series: ['disk.await/*'], busiest: 8,
});
