// A strict reader of what /metrics may say: the Prometheus text format 0.0.4 and OpenMetrics 1.0. It returns the
// families by name, or throws with the line that is wrong.
import assert from "node:assert/strict";

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\[\\\\"n])*"';
const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?\\})? (\\S+)$`);
const VALUE = /^(NaN|[+-]?Inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/;

// How a family may be typed, and what its samples are called.
const FORMATS = {
	text: { types: ["counter", "gauge", "untyped"], suffix: () => "", help: /^(?:[^\\\n]|\\[\\n])*$/ },
	open: { types: ["counter", "gauge", "unknown"], suffix: (type) => (type === "counter" ? "_total" : ""), help: /^(?:[^\\\n"]|\\[\\n"])*$/ },
};

const number = (text) => (text === "NaN" ? NaN : Number(text.replace("Inf", "Infinity")));

function lines_of(text, format) {
	assert.equal(text.at(-1), "\n", "the last line has an end");
	const lines = text.slice(0, -1).split("\n");
	if (format === "open")
		assert.equal(lines.pop(), "# EOF");
	assert.ok(!lines.includes("# EOF") && !lines.includes(""), "no empty line, no early end");
	return lines;
}

function label_names(text) {
	return [...(text ?? "").matchAll(/([a-zA-Z0-9_]+)="(?:[^"\\]|\\.)*"/g)].map(([, name]) => name);
}

export function parse(text, format) {
	const { types, suffix, help } = FORMATS[format];
	const families = new Map();
	let family = null;

	for (const line of lines_of(text, format)) {
		if (line[0] === "#") {
			const [, what, name, rest] = COMMENT.exec(line) ?? assert.fail(`no comment: ${line}`);
			if (family?.name !== name) {
				assert.ok(!families.has(name), `a family comes in one piece: ${line}`);
				family = { name, samples: new Map() };
				families.set(name, family);
			}
			assert.equal(family[what], undefined, `said twice: ${line}`);
			assert.equal(family.samples.size, 0, `after the samples: ${line}`);
			assert.ok(what === "TYPE" ? types.includes(rest) : help.test(rest), `not allowed: ${line}`);
			family[what] = rest;
			continue;
		}
		const [, name, labels, value] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
		assert.ok(family?.TYPE && family.HELP, `no HELP and TYPE before ${line}`);
		assert.equal(name, family.name + suffix(family.TYPE), line);
		assert.match(value, VALUE, line);
		assert.ok(family.TYPE !== "counter" || number(value) >= 0, `a counter below 0: ${line}`);
		assert.ok(!family.samples.has(labels), `twice the same: ${line}`);
		assert.equal(new Set(label_names(labels)).size, label_names(labels).length, `a label twice: ${line}`);
		family.samples.set(labels, number(value));
	}
	for (const { name, samples } of families.values())
		assert.ok(samples.size > 0, `no sample of ${name}`);
	return families;
}
