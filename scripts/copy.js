// Copies what is not compiled: the library's entry for CommonJS.
import { cpSync } from 'node:fs'

for (const name of ['index.cjs', 'index.d.cts']) {
  cpSync(new URL(`../src/${name}`, import.meta.url), new URL(`../dist/${name}`, import.meta.url))
}
