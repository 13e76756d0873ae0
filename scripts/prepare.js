// The last step of `npm ci` and `npm install` in a checkout: builds. Without the development packages a build that is
// there stays as it is, as after `npm ci --omit=dev`; where there is none, the build says what to do.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { canBuild } from './tools.js'

if (!canBuild() && existsSync(new URL('../dist/cli.js', import.meta.url))) {
  console.log('Baton: kept the build in dist/ as it is, since what builds it is not installed.')
} else {
  process.exitCode = spawnSync('npm run build', { stdio: 'inherit', shell: true }).status ?? 1
}
