/* icons.js: the page's few pictures, drawn on a 16 × 16 grid. They are always
 * beside a word or a label, so they are hidden from screen readers. */

const NS = 'http://www.w3.org/2000/svg';

/* Strokes only, unless a path ends in z: then it is filled too by class. */
const paths = {
	ok: 'M3 8.5l3.200 3.200L13 5',
	warning: 'M8 2.200L14.500 13.500h-13z M8 6.500v3.200 M8 11.600v.1',
	critical: 'M5.200 1.800h5.600l3.400 3.400v5.600l-3.400 3.400H5.200l-3.400-3.400V5.200z M5.800 5.800l4.400 4.400 M10.200 5.800l-4.400 4.400',
	info: 'M8 14.200A6.200 6.200 0 108 1.800a6.200 6.200 0 000 12.400z M8 7.500v3.700 M8 4.800v.1',
	seen: 'M1.500 8.500l2.800 2.800L9.500 5 M7.500 10.500l.8.800L13.800 5',
	silence: 'M5 5.200A4 4 0 0112 7v3 M4 7.500v4l-1.200 1h9 M6.800 14h2.400 M2 2l12 12',
	user: 'M8 8a2.800 2.800 0 100-5.600A2.800 2.800 0 008 8z M2.800 13.800c.4-2.600 2.500-4 5.200-4s4.800 1.400 5.200 4',
	send: 'M2 8.200L14 2.500 10.500 13.800 7.500 9z M7.500 9L14 2.500',
	book: 'M3 3.500c2-.8 3.500-.5 5 .5v9.500c-1.500-1-3-1.300-5-.5z M13 3.500c-2-.8-3.500-.5-5 .5v9.500c1.500-1 3-1.300 5-.5z',
	chart: 'M2 2v12h12 M4.500 10.500l3-4 2.500 2 3.500-5',
	unknown: 'M8 14.200A6.200 6.200 0 108 1.800a6.200 6.200 0 000 12.400z M6.200 6.200a1.800 1.800 0 113 1.300c-.7.6-1.200.9-1.200 1.700 M8 11.500v.1',
	overview: 'M2 9h2.500l2-5.500 3 9 2-3.500H14',
	processes: 'M2 3.500h12 M2 8h12 M2 12.500h12 M5.500 3.500v9',
	explorer: 'M2 2v12h12 M4.500 10.500l3-4 2.500 2 3.500-5',
	self: 'M8 1.800l5.500 2v4.200c0 3.200-2.300 5.300-5.500 6.300-3.200-1-5.500-3.100-5.500-6.300V3.800z M5.500 8l1.800 1.800 3.200-3.500',
	alerts: 'M4 11.500V7a4 4 0 018 0v4.500l1.200 1H2.800z M6.800 14h2.400',
	logs: 'M3 2.500h10v11H3z M5.500 5.500h5 M5.500 8h5 M5.500 10.500h3',
	jobs: 'M2.500 4h11v8h-11z M2.500 8h11 M6 4v8',
	devices: 'M2.500 3h7v8h-7z M11.500 6h2.500v7.500h-4.500',
	search: 'M7 11.800A4.800 4.800 0 107 2.200a4.800 4.800 0 000 9.600z M10.600 10.600l3.400 3.400',
	clock: 'M8 14.200A6.200 6.200 0 108 1.800a6.200 6.200 0 000 12.400z M8 4.500V8l2.500 1.800',
	play: 'M5 3l7.500 5L5 13z',
	pause: 'M5.500 3.500v9 M10.500 3.500v9',
	now: 'M3 3l5 5-5 5z M11.500 3.200v9.600',
	theme: 'M13.500 9.800A6 6 0 016.200 2.500 6 6 0 1013.500 9.800z',
	help: 'M6 6a2 2 0 113.200 1.600C8.400 8.200 8 8.600 8 9.600 M8 12.400v.1',
	more: 'M3 8h.01 M8 8h.01 M13 8h.01',
	close: 'M4 4l8 8 M12 4l-8 8',
	chevron: 'M4.500 6.500L8 10l3.500-3.500',
	up: 'M8 13V3.500 M4 7l4-4 4 4',
	down: 'M8 3v9.500 M4 9l4 4 4-4',
	expand: 'M9.500 2.500h4v4 M13.500 2.500l-5 5 M6.500 13.500h-4v-4 M2.500 13.500l5-5',
	link: 'M6.800 9.200a2.800 2.800 0 004 0l2-2a2.800 2.800 0 00-4-4l-.8.800 M9.200 6.800a2.800 2.800 0 00-4 0l-2 2a2.800 2.800 0 004 4l.8-.800',
	columns: 'M2.500 3h11v10h-11z M6.200 3v10 M9.800 3v10',
	offline: 'M2 2l12 12 M4.500 9.500a5 5 0 012-1.200 M2.500 7a8 8 0 012.800-1.700 M8 5a8 8 0 015.500 2 M9.800 8.500a5 5 0 011.700 1 M8 12.500v.1',
	retry: 'M13 8a5 5 0 11-1.500-3.600 M13 2.200v3h-3',
};

export function icon(name) {
	const svg = document.createElementNS(NS, 'svg'), path = document.createElementNS(NS, 'path');

	svg.setAttribute('viewBox', '0 0 16 16');
	svg.setAttribute('class', `icon icon-${name}`);
	svg.setAttribute('aria-hidden', 'true');
	path.setAttribute('d', paths[name] ?? paths.unknown);
	svg.append(path);
	return svg;
}
