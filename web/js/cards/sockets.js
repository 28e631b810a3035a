/* sockets.js: TCP connections by state, and the signs that some go badly. */
import { chart_card } from '../parts/chart-card.js';

const word = (id) => id.split('.')[1].replace('_', ' ');

export const connections = chart_card({
	id: 'connections', title: 'TCP connections', section: 'network', unit: '', least: 4,
	help: 'Many in close wait: a program forgets to close. Many in syn recv: a flood, or a full backlog.',
	series: ['tcp.established', 'tcp.time_wait', 'tcp.close_wait', 'tcp.syn_recv'], label: word,
});

export const tcp_trouble = chart_card({
	id: 'tcp-trouble', title: 'Retransmits and resets', section: 'network', unit: '/s', least: 1,
	help: 'Segments sent again, connections cut off, UDP datagrams lost.',
	series: ['tcp.retransmits', 'tcp.resets', 'udp.errors'], label: (id) => (id === 'udp.errors' ? 'UDP errors' : word(id)),
});
