/* Runs every file of unit/: the dashboard's logic, without a browser. */
import { readdirSync } from 'node:fs';

for (const name of readdirSync(new URL('./unit/', import.meta.url)).sort())
	if (name.endsWith('.test.mjs'))
		await import(`./unit/${name}`);
