// Ends with 0 if the relay on this machine is healthy, else with 1 and a line that says why: while it drains, starts
// or hangs. For health checks in containers, which have no curl. Asks where the relay listens by the same variables.
import { request as http } from 'node:http'
import { request as https } from 'node:https'

const { ENABLE_TLS = '', HOST, PORT } = process.env
const tls = /^(true|1|yes|on|y|enabled)$/i.test(ENABLE_TLS)

const options = {
  host: HOST || '127.0.0.1',
  port: PORT || (tls ? 443 : 3000),
  path: '/health',
  timeout: 4000,
  // The certificate names the public host, and not this address.
  rejectUnauthorized: false,
}

/** @param {string} why */
function fail(why) {
  console.log(why)
  process.exit(1)
}

const request = (tls ? https : http)(options, ({ statusCode }) => {
  if (statusCode === 200) process.exit(0)
  fail(`/health answers ${statusCode}`)
})
request.on('timeout', () => fail('no answer within 4 seconds'))
request.on('error', ({ message }) => {
  // What the relay answers until an authority has given it a certificate.
  fail(/alert handshake failure/.test(message) ? 'starting: there is no certificate yet' : message)
})
request.end()
