import type { Certificate } from './certificate.js'
import { outOfDate, type Validity } from './validity.js'

/** The certificate that a relay serves. There is one once the relay listens with TLS. */
export class ServedCertificate {
  current: Certificate | undefined

  /** Whether nobody can connect yet, because none has been issued. */
  get missing(): boolean {
    return this.current !== undefined && this.validity === undefined
  }

  /** Its dates; undefined if there is none. */
  get validity(): Validity | undefined {
    return this.current?.validity
  }

  /** What is wrong with it, its dates apart, for everybody to read. */
  healthIssue(): string | undefined {
    return this.current?.healthIssue()
  }

  /** What is wrong with its dates, for everybody to read. */
  dateIssue(): string | undefined {
    return this.validity && outOfDate(this.validity)
  }
}
