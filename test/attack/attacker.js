// One attack at a time, in a process of its own.
import { constants, setPriority } from 'node:os'
import { attacks } from './attacks.js'
import { Target } from './target.js'

// Real attackers have machines of their own: these get what the relay and the conversation leave of this one.
setPriority(constants.priority.PRIORITY_LOW)

/** @type {Target | undefined} */
let target

/** @param {{ attack: string, port: number, addresses: string[] } | 'stop'} order */
async function obey(order) {
  if (order === 'stop') {
    target?.stop()
    process.send?.('stopped')
    return
  }
  const attack = attacks.find(({ name }) => name === order.attack)
  target = new Target(order.port, order.addresses)
  await attack?.run(target)
}

process.on('message', (/** @type {Parameters<typeof obey>[0]} */ order) => void obey(order))
process.on('disconnect', () => process.exit())
