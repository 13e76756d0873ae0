// Removes what the last build left, so that no file of a removed source is packed. It refuses where what builds is
// not installed: the build that is there may be the only one.
import { rmSync } from 'node:fs'
import { canBuild } from './tools.js'

if (canBuild()) rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })
else {
  console.error(
    'Baton cannot be built here: its development packages are not installed (--omit=dev, or NODE_ENV=production).\n' +
      'To install, build and remove them again, run: npm run setup',
  )
  process.exitCode = 1
}
