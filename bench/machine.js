/** The machine that was measured on, without its name. */
import { readFileSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'

const PACKAGES = ['ws', 'socket.io', 'y-webrtc', '@trufflesuite/uws-js-unofficial', 'bun']

function versionOf(folder) {
  return JSON.parse(readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8')).version
}

/** The machine, and what is measured on it. */
export function describeHost() {
  const [{ model }] = cpus()
  return {
    cpu: `${cpus().length} × ${model.trim()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release().split('-')[0]} ${arch()}`,
    node: process.version,
    'load before': loadavg()[0].toFixed(2),
    baton: versionOf('..'),
  }
}

/** The same, and those that it is compared with. */
export function describeMachine() {
  return { ...describeHost(), ...Object.fromEntries(PACKAGES.map((name) => [name, versionOf(`node_modules/${name}`)])) }
}
