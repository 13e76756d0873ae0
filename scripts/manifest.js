// `strip` takes from package.json what only a checkout has any use for, while the package is packed; `restore` brings
// it back. npm packs the file as it stands, and a `prepare` in it would build where there is no source.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const manifest = fileURLToPath(new URL('../package.json', import.meta.url))
const whole = `${manifest}.whole`

// A packing that was interrupted has left the whole file aside.
if (existsSync(whole)) renameSync(whole, manifest)
if (process.argv[2] === 'strip') {
  const { scripts, devDependencies: _, ...rest } = JSON.parse(readFileSync(manifest, 'utf8'))
  renameSync(manifest, whole)
  writeFileSync(manifest, `${JSON.stringify({ ...rest, scripts: { start: scripts.start } }, null, 2)}\n`)
}
