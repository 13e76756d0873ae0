// Runs ecosystem.config.cjs under PM2 itself, installed for this alone: two clients talk, before and after a reload.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { WebSocket } from 'ws'
import { freePort } from './port.js'

const VERSION = '7.0.4'

/** Not the synchronous one: our clients have to answer the relay's goodbye meanwhile. */
const run = promisify(execFile)

/** @param {string} root The repository. */
export async function checkPm2(root) {
  const folder = mkdtempSync(join(tmpdir(), 'baton-pm2-'))
  const port = String(await freePort())
  const env = { ...process.env, PM2_HOME: join(folder, 'home'), PORT: port, HOST: '127.0.0.1', DRAIN: '0' }
  const pm2 = async (/** @type {string[]} */ ...args) =>
    (await run(join(folder, 'node_modules/.bin/pm2'), args, { cwd: root, env })).stdout
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    await run('npm', ['install', '--no-audit', '--no-fund', `pm2@${VERSION}`], { cwd: folder })
    await pm2('start', 'ecosystem.config.cjs')
    const ben = await converse(port)
    await pm2('reload', 'baton')
    if (ben.readyState === WebSocket.OPEN) await once(ben, 'close')
    const again = await converse(port)
    await pm2('stop', 'baton')
    if (again.readyState === WebSocket.OPEN) await once(again, 'close')
    const [{ pm2_env: app }] = JSON.parse(await pm2('jlist'))
    assert.deepEqual([app.status, app.exit_code], ['stopped', 0])
  } finally {
    await pm2('kill')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {string} port */
async function converse(port) {
  const url = `ws://127.0.0.1:${port}/raw/doc`
  const [ann, ben] = [await persist(url), await persist(url)]
  ann.send('hello')
  const [message] = await once(ben, 'message')
  assert.equal(String(message), 'hello')
  ann.terminate()
  return ben
}

/**
 * Tries until it is let in.
 *
 * @param {string} url
 */
async function persist(url) {
  for (let attempts = 0; ; attempts++) {
    const socket = new WebSocket(url)
    try {
      await once(socket, 'open')
      return socket
    } catch (error) {
      if (attempts > 200) throw error
      await sleep(50)
    }
  }
}
