/** `npm run soak`: a relay among unruly clients for a long time, held to flat memory and to losing nothing. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeHost } from './machine.js'
import { startServer } from './processes.js'
import { servers } from './servers.js'
import { Conversation } from './soak/conversation.js'
import { Record } from './soak/record.js'
import { Watch } from './soak/watch.js'

const usage = `npm run soak -- [options]

  --minutes N      how long (default 3)
  --write-docs     put the result into docs/operations.md; at least 3 minutes
  --help
`

/** The defaults, but for what would take longer to happen than a round lasts, or needs more messages to fill. */
const SETTINGS = {
  HOST: '127.0.0.1',
  NODE_ENV: 'production',
  LOG_LEVEL: 'info',
  HISTORY: '20',
  HEARTBEAT_INTERVAL: '2s',
  JOIN_TIMEOUT: '2s',
  MAX_BUFFERED_BYTES: '1MiB',
  MAX_MESSAGE_BYTES: '256KiB',
}

/** In seconds: a round, after which all but the conversation leave, and a line of the table. */
const ROUND = 30
const SAMPLE = 5
/** How long the relay may take to be rid of who is gone, in milliseconds: two heartbeats, and a goodbye that is not answered. */
const PATIENCE = 20_000

function readArguments() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '3' },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const minutes = Number(values.minutes)
  if (!(minutes >= 1)) throw new Error('--minutes must be a number, 1 or more')
  const writeDocs = values['write-docs']
  if (writeDocs && minutes < 3) throw new Error('--write-docs needs 3 minutes or more')
  return { minutes, writeDocs, help: values.help }
}

/** One round: the crowd is there, then gone. */
async function playRound(seconds, { crowd, port, watch, conversation, record }) {
  crowd.send({ start: port })
  for (let left = seconds; left > 0; left -= SAMPLE) {
    await sleep(Math.min(left, SAMPLE) * 1000)
    record.sample(await watch.read(), conversation)
  }
  crowd.send({ stop: true })
  const [{ counts }] = await once(crowd, 'message')
  const calm = await watch.settle(conversation.connections, conversation.rooms, PATIENCE)
  record.calm(await watch.readCollected(), calm, counts)
}

async function main() {
  const { minutes, writeDocs, help } = readArguments()
  if (help) {
    console.log(usage)
    return
  }
  const machine = describeHost()
  const relay = await startServer(servers.baton, { RATE_LIMIT: '', THROTTLE: '', ...SETTINGS })
  let record
  try {
    record = await run(relay, minutes)
  } catch (error) {
    throw new Error([error.message, relay.complaint()].filter(Boolean).join('; the relay says: '))
  } finally {
    await relay.stop()
  }
  console.log(record.report())
  if (writeDocs) record.write(machine)
  if (!record.passed) process.exitCode = 1
}

async function run(relay, minutes) {
  const watch = new Watch(relay)
  const empty = await watch.readCollected()
  const conversation = await Conversation.open(relay.port)
  const crowd = fork(fileURLToPath(new URL('soak/unruly.js', import.meta.url)))
  crowd.once('exit', (code) => {
    if (code) process.exit(code)
  })
  const record = new Record(minutes, empty)
  for (let left = minutes * 60; left >= 1; left -= ROUND) {
    await playRound(Math.min(left, ROUND), { crowd, port: relay.port, watch, conversation, record })
  }
  crowd.kill()
  const outcome = await conversation.end()
  const gone = await watch.settle(0, 0, PATIENCE)
  record.end(await watch.readCollected(), gone, outcome, conversation)
  return record
}

try {
  await main()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
