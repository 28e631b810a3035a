/* dom.js: elements without markup in strings. Text always goes in as a text
 * node, so a process or a mount may be named anything at all. */

/* h('button.primary', { type: 'button', onclick }, 'Retry', icon). Keys that
 * begin with "on" listen, true and false set or leave out an attribute. */
export function h(spec, props, ...children) {
	const [tag, ...classes] = spec.split('.');
	const el = document.createElement(tag || 'div');

	if (classes.length)
		el.className = classes.join(' ');
	for (const [key, value] of Object.entries(props ?? {}))
		set_prop(el, key, value);
	append(el, children);
	return el;
}

function set_prop(el, key, value) {
	if (key.startsWith('on'))
		el.addEventListener(key.slice(2), value);
	else if (value === true)
		el.setAttribute(key, '');
	else if (value !== false && value != null)
		el.setAttribute(key, value);
}

function append(el, children) {
	for (const child of children.flat(Infinity))
		if (child != null && child !== false)
			el.append(child instanceof Node ? child : String(child));
}

export function fill(el, ...children) {
	el.textContent = '';
	append(el, children);
	return el;
}

/* Writes only what changed: no work for the browser on a quiet tick. */
export function set_text(el, text) {
	if (el.textContent !== text)
		el.textContent = text;
}

export function set_attr(el, name, value) {
	if (value === null || value === undefined || value === false)
		el.removeAttribute(name);
	else if (el.getAttribute(name) !== String(value))
		el.setAttribute(name, String(value));
}

export function toggle(el, name, on) {
	if (el.classList.contains(name) !== on)
		el.classList.toggle(name, on);
}

/* Children of parent, one for each item, kept by key: made once, updated every
 * time, moved when the order changed, removed when gone. */
export function keyed(parent, items, key_of, make, update) {
	const old = parent.kept ?? new Map(), kept = new Map();
	let at = parent.firstChild;

	for (const item of items) {
		const key = key_of(item);
		const el = old.get(key) ?? make(item);

		kept.set(key, el);
		update?.(el, item);
		if (el === at)
			at = at.nextSibling;
		else
			parent.insertBefore(el, at);
	}
	for (const [key, el] of old)
		if (!kept.has(key))
			el.remove();
	parent.kept = kept;
}

let next_id = 0;

export const new_id = (prefix) => `${prefix}-${++next_id}`;

/* Calls the latest fn once before the next paint, however often it is asked. */
export function each_frame(fn) {
	let asked = 0;

	const ask = () => {
		asked ||= requestAnimationFrame(() => {
			asked = 0;
			fn();
		});
	};

	ask.cancel = () => {
		cancelAnimationFrame(asked);
		asked = 0;
	};
	return ask;
}
