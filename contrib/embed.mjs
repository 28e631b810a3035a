// embed.mjs DIR BELOW TABLE.c BLOB: turns a folder of finished web files into the table that src/http/assets.h declares:
// those whose path begins with BELOW ('/': all).
// All bytes go into one blob that the assembler includes, so that neither compiler has megabytes of literals to chew.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [dir, below, table, blob] = process.argv.slice(2);

const types = {
	'.css': 'text/css; charset=utf-8',
	'.html': 'text/html; charset=utf-8',
	'.ico': 'image/x-icon',
	'.js': 'text/javascript; charset=utf-8',
	'.json': 'application/json; charset=utf-8',
	'.map': 'application/json; charset=utf-8',
	'.mjs': 'text/javascript; charset=utf-8',
	'.png': 'image/png',
	'.svg': 'image/svg+xml; charset=utf-8',
	'.txt': 'text/plain; charset=utf-8',
	'.webmanifest': 'application/manifest+json; charset=utf-8',
	'.woff2': 'font/woff2',
};

// As Node's server serves its client.
const bundleTypes = { ...types, '.js': 'application/javascript; charset=utf-8' };

// esbuild's hashes are eight letters of base32; a hexadecimal one counts as well.
const hashed = /[-.]([A-Z2-7]{8}|[0-9a-f]{8,})\.\w+(\.map)?$/;

function walk(at) {
	return readdirSync(join(dir, at), { withFileTypes: true }).flatMap((entry) => {
		const path = `${at}/${entry.name}`;
		if (entry.name.startsWith('.')) return [];
		return entry.isDirectory() ? walk(path) : [path];
	});
}

const chunks = [];
let used = 0;

function put(bytes) {
	const at = used;
	chunks.push(bytes);
	used += bytes.length;
	return at;
}

function row(path) {
	const type = path.startsWith('/socket.io/') ? bundleTypes[extname(path)] : types[extname(path)];
	if (!type) throw new Error(`embed: ${path}: no Content-Type is known for this kind of file`);

	const raw = readFileSync(join(dir, path));
	const brotli = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: raw.length } };
	const etag = `W/"${createHash('sha256').update(raw).digest('base64url').slice(0, 16)}"`;
	const variant = (bytes) => (bytes.length < raw.length ? [`blob + ${put(bytes)}`, bytes.length] : ['NULL', 0]);

	const rawAt = put(raw);
	const [gz, gzLen] = variant(gzipSync(raw, { level: 9 }));
	const [br, brLen] = variant(brotliCompressSync(raw, brotli));
	return `\t{ ${[path, type, etag].map((s) => JSON.stringify(s)).join(', ')}, ${hashed.test(path)},\n`
		+ `\t  blob + ${rawAt}, ${gz}, ${br}, ${raw.length}, ${gzLen}, ${brLen} },\n`;
}

// Byte order, as strcmp has it: the server looks paths up with bsearch.
const paths = existsSync(dir) ? walk('').filter((path) => path.startsWith(below)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))) : [];
const rows = paths.map(row);

writeFileSync(blob, Buffer.concat(chunks));
writeFileSync(table, `/* Made by contrib/embed.mjs from ${dir || 'nothing'}. */
#include "http/assets.h"

__asm__(".section .rodata.assets,\\"a\\",%progbits\\n"
	"assets_blob:\\n"
	".incbin \\"${blob}\\"\\n"
	".byte 0\\n"
	".previous\\n");

extern const unsigned char blob[] __asm__("assets_blob");

const size_t assets_len = ${paths.length};
const struct asset assets[] = {
${rows.join('')}\t{ 0 },
};
`);
