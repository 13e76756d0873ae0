import type { X509Certificate } from 'node:crypto'
import type { Logger } from '../observability/logger.js'

/** The dates of a certificate, in milliseconds since 1970. */
export interface Validity {
  readonly begins: number
  readonly expires: number
}

/** A date is noticed within a minute, even if the machine was suspended or its clock was set. */
const INTERVAL = 60_000

export function validityOf({ validFrom, validTo }: X509Certificate): Validity {
  return { begins: Date.parse(validFrom), expires: Date.parse(validTo) }
}

/** Why clients refuse a certificate today, in a sentence; undefined if its dates are right. */
export function outOfDate({ begins, expires }: Validity): string | undefined {
  const now = Date.now()
  if (now >= expires) return `The certificate ran out on ${iso(expires)}: clients refuse it.`
  if (now < begins) return `The certificate is not valid before ${iso(begins)}: clients refuse it until then.`
  return undefined
}

/**
 * Logs when clients begin to refuse the certificate for its dates, and when they no longer do.
 *
 * @returns A function that stops this.
 */
export function watchDates(certificate: { readonly validity: Validity | undefined }, log: Logger): () => void {
  let told: string | undefined
  const look = (): void => {
    const why = certificate.validity && outOfDate(certificate.validity)
    if (why === told) return
    told = why
    if (why === undefined) log.info({}, 'The certificate is valid again')
    else log.warn({ why }, 'The certificate is out of date')
  }
  look()
  const timer = setInterval(look, INTERVAL).unref()
  return () => clearInterval(timer)
}

export function iso(time: number): string {
  return new Date(time).toISOString()
}
