/* The colours themselves: contrast of text and graphics by WCAG 2, and whether
 * the eight hues stay apart for colour-blind eyes (Machado 2009, severity 1). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = readFileSync(new URL('../../../web/css/tokens.css', import.meta.url), 'utf8');
const block = (start) => Object.fromEntries([...css.slice(css.indexOf(start)).split('}')[0].matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));

const light = block(':root {'), dark = { ...light, ...block(':root[data-theme="dark"] {') }, auto = { ...light, ...block(':root:not([data-theme]) {') };

const linear = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
const luminance = (hex) => linear(hex).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);

const eyes = {
	normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
	protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
	deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
	tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

function lab(rgb) {
	const [r, g, b] = rgb.map((c) => Math.max(0, Math.min(1, c)));
	const f = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (t * 841) / 108 + 4 / 29);
	const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047), y = f(0.2126 * r + 0.7152 * g + 0.0722 * b), z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);

	return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const seen = (hex, eye) => lab(eyes[eye].map((row) => row.reduce((sum, k, i) => sum + k * linear(hex)[i], 0)));
const distance = (a, b) => Math.hypot(...a.map((v, i) => v - b[i]));

for (const [name, theme] of [['light', light], ['dark', dark]]) {
	test(`${name}: text is 4.5:1 wherever it stands`, () => {
		for (const text of ['text', 'dim'])
			for (const ground of ['bg', 'surface', 'raised', 'sunken'])
				assert.ok(contrast(theme[text], theme[ground]) >= 4.5, `${text} on ${ground}: ${contrast(theme[text], theme[ground])}`);
		for (const [text, ground] of [['axis', 'surface'], ['accent', 'surface'], ['ok', 'surface'], ['warning', 'surface'], ['critical', 'surface'], ['warning', 'warning-soft'], ['critical', 'critical-soft'], ['accent', 'accent-soft'], ['text', 'accent-soft'], ['text', 'warning-soft'], ['dim', 'warning-soft'], ['dim', 'accent-soft'], ['on-accent', 'accent'], ['on-sign', 'warning'], ['on-sign', 'critical'], ['dim', 'critical-soft'], ['text', 'critical-soft']])
			assert.ok(contrast(theme[text], theme[ground]) >= 4.5, `${text} on ${ground}: ${contrast(theme[text], theme[ground])}`);
	});

	test(`${name}: lines are 3:1 on a card`, () => {
		for (let i = 0; i < 8; i++)
			assert.ok(contrast(theme[`hue-${i}`], theme.surface) >= 3, `hue ${i}: ${contrast(theme[`hue-${i}`], theme.surface)}`);
	});

	for (const [eye, least] of [['normal', 25], ['protan', 12], ['deutan', 12], ['tritan', 12]])
		test(`${name}: eight hues are eight to ${eye} eyes`, () => {
			for (let i = 0; i < 8; i++)
				for (let k = i + 1; k < 8; k++) {
					const apart = distance(seen(theme[`hue-${i}`], eye), seen(theme[`hue-${k}`], eye));

					assert.ok(apart >= least, `hues ${i} and ${k}: ${apart.toFixed(1)}`);
				}
		});
}

test('the system\'s dark is the chosen dark', () => assert.deepEqual(auto, dark));
