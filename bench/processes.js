/** Starts and ends the servers and the workers. None of them outlives this process. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const START_TIMEOUT = 10_000
const children = new Set()

function watch(child) {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130))

/** A port that was free a moment ago. */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  return port
}

async function answers(port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Starts a server and waits until it accepts connections. */
export async function startServer({ command, env = {} }, extraEnv = {}) {
  const port = await freePort()
  const [program, ...args] = command(port)
  const child = watch(
    spawn(program, args, {
      // Native helpers of `ws` are left out for all: Baton does not ask for them either.
      env: { ...process.env, WS_NO_BUFFER_UTIL: '1', ...env, ...extraEnv, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    }),
  )
  let complaint = ''
  child.stderr.on('data', (data) => {
    complaint = (complaint + data).slice(-2000)
  })
  let failure
  child.once('error', (error) => {
    failure = error.message
  })
  child.once('exit', (code, signal) => {
    failure ??= lastLine(complaint) ?? `it ended with ${code ?? signal}`
  })
  const deadline = performance.now() + START_TIMEOUT
  while (!(await answers(port))) {
    if (failure !== undefined) throw new Error(failure)
    if (performance.now() > deadline) {
      await end(child)
      throw new Error('it does not listen')
    }
    await sleep(20)
  }
  return { port, pid: child.pid, stop: () => end(child), complaint: () => lastLine(complaint) }
}

/** The line of a crash that says what it was. */
function lastLine(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1)
}

async function end(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Has a worker do a job. Resolves with its figures. */
export async function work(job, timeout) {
  const child = watch(fork(fileURLToPath(new URL('worker.js', import.meta.url)), { stdio: 'inherit' }))
  const abort = new AbortController()
  try {
    child.send(job)
    const answer = await Promise.race([
      once(child, 'message', { signal: abort.signal }).then(([message]) => message),
      once(child, 'exit', { signal: abort.signal }).then(() => ({ error: 'the load generator crashed' })),
      sleep(timeout, { error: `not finished after ${timeout / 1000} s` }, { signal: abort.signal }),
    ])
    if (answer.error) throw new Error(answer.error)
    return answer.figures
  } finally {
    abort.abort()
    await end(child)
  }
}
