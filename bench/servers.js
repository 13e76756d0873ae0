/** How each server is started. */
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const node = (script) => [
  process.execPath,
  '--expose-gc',
  '--import',
  new URL('servers/preload.js', import.meta.url).href,
  here(script),
]

const CLI = '../dist/cli.js'
const OPTIONS = '../dist/options/index.js'

/** Bun's package has its binary in one of two places, by whether npm ran its install script. */
function bunBinary() {
  const installed = here('node_modules/bun/bin/bun.exe')
  if (existsSync(installed)) return installed
  const vendor = here('node_modules/@oven')
  const platform = `bun-${process.platform}-${process.arch}`
  const name = existsSync(vendor) && readdirSync(vendor).find((folder) => folder === platform)
  return name ? `${vendor}/${name}/bin/bun` : undefined
}

/** Without its native part, its package falls back to `ws`, which would be measured under its name. */
function uwsBinary() {
  const { platform, arch, versions } = process
  return existsSync(
    here(`node_modules/@trufflesuite/uws-js-unofficial/binaries/uws_${platform}_${arch}_${versions.modules}.node`),
  )
}

/** The same TLS for all: a certificate that is made for the run. */
const tlsEnv = ({ cert, key }) => ({ TLS_CERT: cert, TLS_KEY: key })

export const servers = {
  baton: {
    title: 'Baton',
    dialects: ['impossible-writer', 'pluresdb', 'y-webrtc', 'opaque'],
    missing: () => (existsSync(here(CLI)) ? undefined : 'not built: run `npm run build` first'),
    command: () => node(CLI),
    // Its limits are there to stop what a benchmark does.
    env: { HOST: '127.0.0.1', RATE_LIMIT: '0', THROTTLE: '0', LOG_LEVEL: 'warn', NODE_ENV: 'production' },
    tls: tlsEnv,
    async lacks(feature) {
      if (feature !== 'tls') return undefined
      const { optionInfos } = await import(OPTIONS)
      const known = optionInfos.some(({ env }) => env === 'ENABLE_TLS')
      return known ? undefined : 'it has no TLS yet'
    },
  },
  plain: {
    title: 'plain ws',
    dialects: ['impossible-writer'],
    command: () => node('servers/plain.js'),
    tls: tlsEnv,
  },
  'socket.io': {
    title: 'Socket.IO',
    dialects: ['socket.io'],
    command: () => node('servers/socket-io.js'),
  },
  'y-webrtc': {
    title: 'y-webrtc server',
    dialects: ['y-webrtc'],
    command: () => node('servers/y-webrtc.js'),
  },
  uws: {
    title: 'uWebSockets',
    dialects: ['impossible-writer'],
    missing: () =>
      uwsBinary() ? undefined : `its package has no binary for this platform and Node ${process.version}`,
    command: () => node('servers/uws.js'),
  },
  bun: {
    title: 'Bun',
    dialects: ['impossible-writer'],
    missing: () => (bunBinary() ? undefined : 'its package brought no binary for this platform'),
    command: () => [bunBinary(), here('servers/bun.js')],
  },
}
