/* build.mjs: joins web/ into the few files that the binary embeds.
 *
 * Leaves in ../build/web/ (or the folder named on the command line):
 *   index.html           the page, with the hashed names filled in
 *   assets/NAME.HASH.EXT the script, the style and the theme starter; the hash
 *                        is of the content, so they may be cached for ever
 *   socket.io/           the official client bundles and maps, as they come
 *   api/v1/openapi.json  the HTTP API (openapi.mjs)
 *
 * The same tree in gives the same bytes out; nothing is fetched. */
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openapi } from './openapi.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, '..', 'build', 'web'));

/* What the page asks for: the placeholder in index.html, where it starts, and
 * how it is wrapped. The theme starter is a classic script because a module
 * would run after the first paint, and the page would flash. */
const parts = [
	{ mark: '{{app.css}}',  entry: 'css/main.css',       name: 'app',   ext: 'css' },
	{ mark: '{{app.js}}',   entry: 'js/main.js',         name: 'app',   ext: 'js', format: 'esm' },
	{ mark: '{{theme.js}}', entry: 'js/theme-start.js',  name: 'theme', ext: 'js', format: 'iife' },
];

const clients = ['socket.io', 'socket.io.min', 'socket.io.esm.min', 'socket.io.msgpack.min']
	.flatMap((name) => [`${name}.js`, `${name}.js.map`]);

async function join_part(part) {
	const result = await build({
		absWorkingDir: here,
		entryPoints: [part.entry],
		outfile: `${part.name}.${part.ext}`,
		bundle: true,
		minify: true,
		write: false,
		format: part.format,
		target: 'es2020',
		legalComments: 'none',
		logLevel: 'warning',
	});
	const text = result.outputFiles[0].contents;
	const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
	const file = `assets/${part.name}.${hash}.${part.ext}`;

	await writeFile(join(out, file), text);
	return { mark: part.mark, file };
}

await rm(out, { recursive: true, force: true });
await mkdir(join(out, 'assets'), { recursive: true });
await mkdir(join(out, 'socket.io'), { recursive: true });

let html = await readFile(join(here, 'index.html'), 'utf8');
for (const done of await Promise.all(parts.map(join_part)))
	html = html.replaceAll(done.mark, done.file);
if (html.includes('{{'))
	throw new Error('index.html names a part that the build does not make');
await writeFile(join(out, 'index.html'), html);

const dist = join(here, 'node_modules', 'socket.io-client', 'dist');
await Promise.all(clients.map((name) => copyFile(join(dist, name), join(out, 'socket.io', name))));

const version = (await readFile(join(here, '..', 'VERSION'), 'utf8')).trim();
await mkdir(join(out, 'api', 'v1'), { recursive: true });
await writeFile(join(out, 'api', 'v1', 'openapi.json'), JSON.stringify(openapi(version)));
