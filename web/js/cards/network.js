/* network.js: what interfaces carry, and what they lose. The loopback is left
 * out of the charts; the explorer has it. */
import { by_instance, instance_of } from '../lib/series.js';
import { chart_card } from '../parts/chart-card.js';

const DRAWN = 4; /* in and out of each are the eight lines of a chart */

const outside = (ids) => by_instance(ids.filter((id) => instance_of(id) !== 'lo'));
const in_out = (id) => `${instance_of(id)} ${id.startsWith('net.rx') ? 'in' : 'out'}`;
const empty = { why: 'No interface beside the loopback.', what: 'A container without a network of its own shows none.' };

export const network = chart_card({
	id: 'network', title: 'Network', section: 'network', wide: true, unit: 'bytes/s', mirror: true, least: 1024, empty,
	help: 'Received above the line, sent below.',
	series: ['net.rx_bytes/*', 'net.tx_bytes/*'], label: in_out, down: (id) => id.startsWith('net.tx'), pick: outside, busiest: DRAWN,
});

export const packets = chart_card({
	id: 'packets', title: 'Packets', section: 'network', unit: '/s', mirror: true, least: 10, empty,
	help: 'Received above the line, sent below. Many small packets cost more than few large ones.',
	series: ['net.rx_packets/*', 'net.tx_packets/*'], label: in_out, down: (id) => id.startsWith('net.tx'), pick: outside, busiest: DRAWN,
});

const words = { rx_errors: 'in errors', tx_errors: 'out errors', rx_drops: 'in drops', tx_drops: 'out drops' };

export const network_trouble = chart_card({
	id: 'network-trouble', title: 'Errors and drops', section: 'network', unit: '/s', least: 1, empty,
	help: 'Packets that were damaged, or thrown away for want of room. On a healthy network, nothing.',
	series: ['net.rx_errors/*', 'net.tx_errors/*', 'net.rx_drops/*', 'net.tx_drops/*'],
	label: (id) => `${instance_of(id)} ${words[id.slice(4, id.indexOf('/'))]}`,
	busiest: DRAWN,
	/* Quiet ones would push the one that matters off the chart. */
	pick(ids, ctx) {
		const loud = outside(ids).filter((id) => (ctx.plane.stats_of(id).max ?? 0) > 0);

		return loud.length ? loud : outside(ids).slice(0, 4);
	},
});
