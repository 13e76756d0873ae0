// The smallest server: a relay that says who comes and goes.
import { Relay } from 'baton-relay'

const { PORT = '3000' } = process.env
const relay = new Relay({ port: PORT, host: '127.0.0.1' })

relay.on('join', ({ dialect, count }) => console.log(`Joined, ${count} in the room (${dialect})`))
relay.on('leave', ({ dialect, count }) => console.log(`Left, ${count} in the room (${dialect})`))

try {
  await relay.listen()
} catch (error) {
  // Such as a port that is taken, in one line.
  console.error(/** @type {Error} */ (error).message)
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void relay.close())
