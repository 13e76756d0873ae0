import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import { type Validity, validityOf } from './validity.js'

/** The part of a certificate's life after which it is renewed, and by how much of it this may be earlier, at random. */
const RENEW = 2 / 3
const JITTER = 1 / 30

/** A certificate that an authority has issued, with its chain and its key in one PEM. */
export class IssuedCertificate implements Validity {
  readonly pem: string
  /** Its domain names. */
  readonly names: readonly string[]
  /** When it becomes valid, in milliseconds since 1970. */
  readonly begins: number
  /** When it expires, in milliseconds since 1970. */
  readonly expires: number
  /** Its whole life, in milliseconds. */
  readonly life: number
  /**
   * When to renew it, in milliseconds since 1970. The time differs between certificates that were issued together, so
   * that an authority does not get all requests at once.
   */
  readonly renewal: number

  /** @throws {Error} If the certificate or its key is missing. */
  constructor(pem: string) {
    const certificate = new X509Certificate(pem)
    if (!certificate.checkPrivateKey(createPrivateKey(pem))) throw new Error('The key is not that of the certificate')
    const { begins, expires } = validityOf(certificate)
    this.pem = pem
    this.names = (certificate.subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, ''))
    this.begins = begins
    this.expires = expires
    this.life = expires - begins
    this.renewal = begins + this.life * (RENEW - JITTER * Math.random())
  }

  get credentials(): SecureContextOptions {
    return { cert: this.pem, key: this.pem }
  }

  /** Whether it is for exactly these names. */
  isFor(names: readonly string[]): boolean {
    return names.length === this.names.length && names.every((name) => this.names.includes(name))
  }
}
