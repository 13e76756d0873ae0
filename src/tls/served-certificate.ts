import type { Certificate } from './certificate.js'
import { outOfDate, type Validity } from './validity.js'

/** The certificate of a relay. It exists once the relay listens with TLS. */
export class ServedCertificate {
  current: Certificate | undefined

  /** Whether nobody can connect yet, because no certificate has been issued. */
  get missing(): boolean {
    return this.current !== undefined && this.validity === undefined
  }

  /** Its dates; undefined if there is none. */
  get validity(): Validity | undefined {
    return this.current?.validity
  }

  /** What is wrong with it, except its dates, as a public text. */
  healthIssue(): string | undefined {
    return this.current?.healthIssue()
  }

  /** What is wrong with its dates, as a public text. */
  dateIssue(): string | undefined {
    return this.validity && outOfDate(this.validity)
  }
}
