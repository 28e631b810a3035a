/* colours.js: which of the eight hues a series has.
 *
 * The same metric has the same hue on every chart. Named families have theirs
 * by this table; instances (disks, interfaces, cores) by their place among
 * their kind, so that sda is the same in throughput and in busy. Hues are
 * numbers; what they look like is css/tokens.css. Red is not among them: it
 * means critical and nothing else. */

import { area_of, by_name, family_of, instance_of } from './series.js';

export const HUES = 8;

const [BLUE, ORANGE, TEAL, VIOLET, YELLOW, PINK, SKY, GREY] = Array.from({ length: HUES }, (_, i) => i);

const families = {
	'cpu.usage': BLUE, 'cpu.user': BLUE, 'cpu.system': ORANGE, 'cpu.nice': SKY, 'cpu.iowait': VIOLET,
	'cpu.irq': YELLOW, 'cpu.softirq': TEAL, 'cpu.steal': PINK, 'cpu.guest': GREY,
	'memory.usage': VIOLET, 'memory.used': VIOLET, 'memory.buffers': ORANGE, 'memory.cached': SKY, 'memory.reclaimable': SKY, 'memory.free': GREY,
	'memory.available': TEAL, 'memory.shared': PINK, 'memory.slab': YELLOW, 'memory.dirty': ORANGE, 'memory.total': GREY,
	'memory.page_in_bytes': SKY, 'memory.page_out_bytes': ORANGE, 'memory.major_faults': PINK,
	'swap.usage': PINK, 'swap.used': PINK, 'swap.free': GREY, 'swap.in_bytes': TEAL, 'swap.out_bytes': PINK, 'swap.total': GREY,
	'load.1': BLUE, 'load.5': TEAL, 'load.15': ORANGE, 'load.runnable': VIOLET, 'load.threads': GREY,
	'pressure.cpu.some': BLUE, 'pressure.memory.some': VIOLET, 'pressure.memory.full': PINK, 'pressure.io.some': TEAL, 'pressure.io.full': ORANGE,
	'tcp.established': BLUE, 'tcp.time_wait': ORANGE, 'tcp.close_wait': PINK, 'tcp.listen': GREY, 'tcp.syn_recv': YELLOW,
	'tcp.retransmits': ORANGE, 'tcp.resets': PINK, 'tcp.in_segments': TEAL, 'tcp.out_segments': VIOLET, 'udp.errors': YELLOW,
	'proc.running': BLUE, 'proc.blocked': ORANGE, 'proc.total': GREY, 'proc.zombie': PINK, 'proc.threads': TEAL, 'proc.sleeping': SKY,
	'host.context_switches': BLUE, 'host.interrupts': ORANGE, 'host.forks': TEAL, 'host.open_files': VIOLET, 'host.open_files_percent': VIOLET,
	'self.rss': VIOLET, 'self.cpu': BLUE, 'self.clients': TEAL, 'self.bytes_out': ORANGE, 'self.bytes_in': SKY,
	'self.messages_out': ORANGE, 'self.messages_in': SKY, 'self.dropped': PINK,
};

/* Any string, spread over the hues: the last resort. */
function spread(text) {
	let sum = 7;

	for (const letter of text)
		sum = (sum * 31 + letter.codePointAt(0)) % 65521;
	return sum % HUES;
}

/* places: Map of area → instance names in order (see place_instances). */
export function hue_of(id, places) {
	const instance = instance_of(id), family = family_of(id);

	if (instance === null)
		return families[family] ?? spread(family);

	const at = places?.get(area_of(id))?.indexOf(instance) ?? -1;

	return at >= 0 ? at % HUES : spread(instance);
}

/* The instances of each area in name order. Known places are kept, so that a
 * disk that appears does not repaint the others. */
export function place_instances(ids, places = new Map()) {
	const found = new Map();

	for (const id of ids) {
		const instance = instance_of(id), area = area_of(id);

		if (instance !== null && !(places.get(area) ?? []).includes(instance))
			found.set(area, (found.get(area) ?? new Set()).add(instance));
	}
	for (const [area, names] of found)
		places.set(area, [...(places.get(area) ?? []), ...[...names].sort(by_name)]);
	return places;
}

/* One style each for series that share a chart: when two have one hue, the
 * later is dashed, then dotted, then both. → [{ hue, dash }] */
export function styles_of(ids, places) {
	const used = new Map();

	return ids.map((id) => {
		const hue = hue_of(id, places), dash = used.get(hue) ?? 0;

		used.set(hue, dash + 1);
		return { hue, dash: dash % 4 };
	});
}
