import type { Change, Message } from './messages.js'

/** What happened in a room on this node: numbered, and collected until the end of the turn. */
export class Outbox {
  /** The number of the last change, and of the last join or leave; they count whether or not they are sent. */
  seq: number
  membershipSeq: number
  /** The changes of this turn, the number of the first, and the version before it. */
  #changes: Change[] = []
  #first = 0
  #prevMembershipSeq = 0

  /** @param s A number above all that the room had here before: what is said now is not to be taken for its past. */
  constructor(s: number) {
    this.seq = s
    this.membershipSeq = s
  }

  /** Numbers a change. */
  count(change: Change): void {
    this.seq++
    if (change.what !== 'data') this.membershipSeq = this.seq
  }

  /** Numbers a change that is to be sent. */
  add(change: Change): void {
    const pv = this.membershipSeq
    this.count(change)
    if (this.#changes.push(change) > 1) return
    this.#first = this.seq
    this.#prevMembershipSeq = pv
  }

  /** The batch that is to be sent, if there is any. */
  take(): Extract<Message, { kind: 'batch' }> | undefined {
    const changes = this.#changes
    if (changes.length === 0) return undefined
    this.#changes = []
    return { kind: 'batch', first: this.#first, pv: this.#prevMembershipSeq, changes }
  }
}
