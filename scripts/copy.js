// Copies what is not compiled: the files of the landing page, which are for the browser as they stand, and the
// library's entry for CommonJS.
import { cpSync, readdirSync } from 'node:fs'

const from = new URL('../src/http/landing/page/', import.meta.url)
const to = new URL('../dist/http/landing/page/', import.meta.url)
for (const name of readdirSync(from)) {
  if (/\.(js|css)$/.test(name)) cpSync(new URL(name, from), new URL(name, to))
}
for (const name of ['index.cjs', 'index.d.cts']) {
  cpSync(new URL(`../src/${name}`, import.meta.url), new URL(`../dist/${name}`, import.meta.url))
}
