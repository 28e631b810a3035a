/* browser.mjs: a real Chromium, and pages that remember what went wrong in
 * them: every error, every refused resource, every breach of the policy. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

/* Several pages share two processors: one may wait for seconds until it is drawn. */
const PATIENCE_MS = 60000;

const paths = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export const launch = () => chromium.launch({
	executablePath: paths.find((path) => path && existsSync(path)),
	args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/* options go to the context. page.faults grows while the page lives; faults
 * that a test provokes are named in page.expected (regular expressions). */
export async function open(browser, url, options = {}, prepare = async () => {}) {
	const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });

	context.setDefaultTimeout(PATIENCE_MS);
	try {
		return await opened(context, url, prepare);
	} catch (error) {
		await context.close(); /* or its page would go on beside the tests that follow */
		throw error;
	}
}

async function opened(context, url, prepare) {
	const page = await context.newPage();

	page.faults = [];
	page.expected = [];
	page.on('pageerror', (error) => page.faults.push(`exception: ${error.message}`));
	page.on('console', (message) => {
		if (message.type() === 'error' && !page.expected.some((one) => one.test(message.text())))
			page.faults.push(`console: ${message.text()}`);
	});
	await page.addInitScript(() => {
		window.breaches = [];
		document.addEventListener('securitypolicyviolation', (event) => window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`));
	});
	await prepare(page, context);
	await page.goto(url);
	return page;
}

/* How many times longer than on a machine of its own something takes here at this time, 1 at least: a budget of the page's
 * is stretched by that. Measured by a piece of work in the page itself. */
const WORK_MS = 50;

export const slowness = (page) => page.evaluate((quiet_ms) => {
	const start = performance.now(), numbers = new Float64Array(200000);

	for (let i = 0, x = 1; i < numbers.length; i++)
		numbers[i] = x = (x * 16807) % 2147483647;
	numbers.sort();
	return Math.max(1, (performance.now() - start) / quiet_ms);
}, WORK_MS);

export const text = (page, selector) => page.locator(selector).first().textContent();
export const badge = (page) => text(page, '.badge-word');

/* Waits for a condition in the page; says what was there when it never came. */
export async function until(page, what, condition, argument, timeout = PATIENCE_MS) {
	try {
		await page.waitForFunction(condition, argument, { timeout, polling: 50 });
	} catch {
		const now = await page.evaluate(() => [location.hash, document.querySelector('.top')?.innerText, document.querySelector('.banner:not([hidden])')?.innerText].join(' | ').replaceAll('\n', ' '));

		throw new Error(`never: ${what}. The page: ${now}`);
	}
}

export const until_badge = (page, word, timeout) => until(page, `badge ${word}`, (wanted) => document.querySelector('.badge-word')?.textContent === wanted, word, timeout);

/* The first chart has been drawn with history in it. */
export const until_drawn = (page, timeout = PATIENCE_MS) => until(page, 'a first chart', () => performance.getEntriesByName('vedette-first-chart').length > 0, null, timeout);

/* The view stands and a sample has been drawn on it. */
export async function until_ready(page) {
	await until(page, 'a drawn view', () => document.querySelector('main')?.firstChild && document.querySelector('main').dataset.drawn);
	if (await page.evaluate(() => document.querySelector('main').dataset.view === 'overview'))
		await until_drawn(page);
}

/* A whole visit: fn is given the page once its view stands. Fails where the page met a fault, or broke its own policy. */
export async function pay_visit(browser, url, fn, options, prepare) {
	const page = await open(browser, url, options, prepare);

	try {
		await until_ready(page);
		await fn(page);
		assert.deepEqual(page.faults, []);
		assert.deepEqual(await page.evaluate(() => window.breaches), []);
	} finally {
		await page.context().close();
	}
}

/* A new sample reached the screen after this was called. */
export async function next_tick(page) {
	const before = await page.evaluate(() => document.querySelector('main').dataset.drawn);

	await until(page, 'a new sample', (old) => document.querySelector('main').dataset.drawn !== old, before);
}

/* What a finger could miss: everything to press that is smaller than 44 px. */
export const small_targets = (page) => page.evaluate(() => [...document.querySelectorAll('a, button, input, select, [role=option]')].filter((el) => el.checkVisibility() && !el.matches('.skip')).map((el) => ({ el, box: el.getBoundingClientRect() }))
	.filter(({ box }) => box.width > 0 && (Math.min(box.width, box.height) < 43.5)).map(({ el, box }) => `${el.tagName}.${el.className} ${el.textContent.slice(0, 20)} ${Math.round(box.width)}×${Math.round(box.height)}`));

/* Where the pixels of a chart are pointed at: share of its width, 0–1. */
export async function plot_point(page, card, share, height = 0.5) {
	const over = page.locator(`#card-${card} .u-over`);
	let box = null;

	for (let tries = 0; !box && tries < 100; tries++) // a chart whose lines change is made anew: it may go between the look and the measure
		box = await over.boundingBox();
	assert.ok(box, `the chart of ${card}`);
	return { x: box.x + box.width * share, y: box.y + box.height * height };
}

/* How many pixels of a canvas come near a colour of the theme's; none while it is not there. */
export const count_pixels = (page, selector, token) => page.evaluate(([css, name]) => {
	const canvas = document.querySelector(css), value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
	const wanted = [1, 3, 5].map((i) => parseInt(value.slice(i, i + 2), 16));
	const { data } = canvas?.getContext('2d').getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
	let found = 0;

	for (let i = 0; i < data.length; i += 4)
		if (data[i + 3] > 200 && wanted.every((c, k) => Math.abs(data[i + k] - c) < 12))
			found++;
	return found;
}, [selector, token]);

/* Waits until there are more than so many. */
export async function until_pixels(page, selector, token, more, timeout = PATIENCE_MS) {
	const end = Date.now() + timeout;

	for (;;) {
		const found = await count_pixels(page, selector, token);

		if (found > more)
			return;
		if (Date.now() > end)
			throw new Error(`never more than ${more} pixels of ${token} in ${selector}, but ${found}`);
		await page.waitForTimeout(50);
	}
}
