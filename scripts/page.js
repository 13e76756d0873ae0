// Puts the files of the landing page beside the server that sends them: they are for the browser as they stand.
import { cpSync, readdirSync } from 'node:fs'

const from = new URL('../src/server/landing/page/', import.meta.url)
const to = new URL('../dist/server/landing/page/', import.meta.url)
for (const name of readdirSync(from)) {
  if (/\.(js|css)$/.test(name)) cpSync(new URL(name, from), new URL(name, to))
}
