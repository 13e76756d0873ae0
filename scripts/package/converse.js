import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

/**
 * Has two clients talk through a relay.
 *
 * @param {string[]} command
 * @param {string} folder
 */
export async function converse([program = '', ...args], folder) {
  // A group of its own, so that the signal reaches the relay behind npm or npx as CTRL+C does.
  const baton = spawn(program, [...args, '--port', '0', '--host', '127.0.0.1', '--environment', 'production'], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const lines = createInterface({ input: baton.stdout })[Symbol.asyncIterator]()
    let line = ''
    do line = (await lines.next()).value
    while (!line.startsWith('{')) // npm says what it runs
    const { port } = JSON.parse(line)
    const url = `ws://127.0.0.1:${port}/room/doc`
    const ann = new WebSocket(url)
    await once(ann, 'message')
    const ben = new WebSocket(`${url}?nickname=Ben`)
    await Promise.all([once(ann, 'message'), once(ben, 'message')])
    ann.send('{"type":"content","data":"Hello"}')
    const [message] = await once(ben, 'message')
    assert.match(String(message), /^{"type":"content","data":"Hello",/)
    process.kill(-Number(baton.pid), 'SIGTERM')
    const [code] = await once(ben, 'close')
    assert.equal(code, 1001)
    await once(baton, 'close')
    console.log(`package: two clients talked through ${[program, ...args].join(' ')}`)
  } finally {
    if (baton.exitCode === null && baton.signalCode === null) process.kill(-Number(baton.pid), 'SIGKILL')
  }
}
