// Ends with 0 if the relay on this machine is healthy, else with 1: while it drains, starts or hangs. For
// health checks in containers, which have no curl. Asks where the relay listens by the same variables.
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

const request = (tls ? https : http)(options, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
request.on('timeout', () => process.exit(1))
request.on('error', () => process.exit(1))
request.end()
