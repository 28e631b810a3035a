/* index.js: the table of the overview's cards. To add one: write a file that
 * exports { id, title, section, series, mount(el, ctx) → { update, destroy } }
 * (parts/chart-card.js makes one from a description) and give it a row here.
 * Cards appear in this order, three to a row where there is room. */

import { cores } from './cores.js';
import { cpu } from './cpu.js';
import { disk_busy, disk_throughput, disk_wait } from './disks.js';
import { faults } from './faults.js';
import { filesystems } from './filesystems.js';
import { files, scheduler } from './host.js';
import { load } from './load.js';
import { memory, paging } from './memory.js';
import { network, network_trouble, packets } from './network.js';
import { pressure } from './pressure.js';
import { process_states } from './process-states.js';
import { fans, temperatures } from './sensors.js';
import { connections, tcp_trouble } from './sockets.js';
import { top_processes } from './top-processes.js';

export const sections = [
	{ id: 'processor', title: 'Processor' },
	{ id: 'memory', title: 'Memory' },
	{ id: 'disks', title: 'Disks' },
	{ id: 'network', title: 'Network' },
	{ id: 'processes', title: 'Processes' },
	{ id: 'sensors', title: 'Sensors' },
	{ id: 'system', title: 'System' },
];

export const cards = [
	cpu, cores, load,
	memory, paging, pressure,
	disk_throughput, disk_busy, disk_wait, filesystems,
	network, network_trouble, packets, connections, tcp_trouble,
	top_processes, process_states,
	temperatures, fans,
	faults, scheduler, files,
];
