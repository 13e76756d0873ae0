import { isPublic } from '../ip/networks.js'
import { isTurnSecretWeak } from '../options/ice.js'
import type { Settings } from '../options/index.js'
import { isProduction } from '../options/log.js'
import type { Logger } from './logger.js'

/** Warns of options that are allowed, and yet a risk. */
export function warnOfRisks(settings: Settings, log: Logger): void {
  if (isTurnSecretWeak(settings)) {
    log.warn({}, 'TURN_SECRET is short: anyone with one credential can find it by trying, and make others')
  }
  if (isUnguarded(settings)) {
    log.warn(
      {},
      'Anybody on the internet may open any number of connections: set MAX_CONNECTIONS_PER_IP and CONNECTION_RATE_PER_IP, or TRUST_PROXY if a proxy in front limits them',
    )
  }
}

/** Whether a relay in production is open to the internet and limits nobody by address. */
function isUnguarded({ environment, host, trustProxy, ...limits }: Settings): boolean {
  const trusting = typeof trustProxy === 'number' ? trustProxy > 0 : trustProxy.length > 0
  const limited = limits.maxConnectionsPerIp > 0 || limits.connectionRatePerIp > 0
  return isProduction({ environment }) && isPublic(host) && !trusting && !limited
}
