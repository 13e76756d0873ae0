// Only people with a session get in, each under the name of that session, and only into some rooms.
import { Relay } from 'baton-relay'

// Who is logged in, by the secret of the session. A real app asks its session store.
const sessions = new Map([
  ['5f0c9a61e2', 'ann'],
  ['b83d17c4f9', 'ben'],
])

/**
 * The secret, from a cookie (browsers send it by themselves) or from `Authorization: Bearer …`.
 *
 * @param {import('baton-relay').AuthorizeRequest['headers']} headers
 */
function secretOf({ cookie, authorization }) {
  const [, value] = /^Bearer (.+)$/.exec(String(authorization)) ?? /\bsession=([^;]+)/.exec(String(cookie)) ?? []
  return value ?? ''
}

const { PORT = '3000' } = process.env
const relay = new Relay({
  port: PORT,
  host: '127.0.0.1',

  authorize({ verb, room, user, headers }) {
    if (verb === 'connect') {
      const name = sessions.get(secretOf(headers))
      return name === undefined ? false : { user: name }
    }
    // The lobby is for all, `ann-notes` for Ann alone.
    return room === 'lobby' || room === `${user}-notes`
  },
})

relay.on('join', ({ user, room }) => console.log(`${user} joined ${room}`))

try {
  await relay.listen()
} catch (error) {
  // Such as a port that is taken, in one line.
  console.error(/** @type {Error} */ (error).message)
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void relay.close())
