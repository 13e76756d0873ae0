import type { Change, Message } from './messages.js'

/** What happened in a room on this node: numbered, and collected until the end of the turn. */
export class Outbox {
  /** The number of the last change, and of the last join or leave; they count whether or not they are sent. */
  seq: number
  membershipSeq: number
  /** The changes of this turn, the number of the first, and of the last join or leave before it. */
  #changes: Change[] = []
  #first = 0
  #prevMembershipSeq = 0

  /** @param seq A number above all that the room had here before, so that other nodes take no change for a known one. */
  constructor(seq: number) {
    this.seq = seq
    this.membershipSeq = seq
  }

  /** Numbers a change. */
  count(change: Change): void {
    this.seq++
    if (change.what !== 'data') this.membershipSeq = this.seq
  }

  /** Numbers a change that is to be sent. */
  add(change: Change): void {
    const before = this.membershipSeq
    this.count(change)
    if (this.#changes.push(change) > 1) return
    this.#first = this.seq
    this.#prevMembershipSeq = before
  }

  /** The batch that is to be sent, if there is any. */
  take(): Extract<Message, { kind: 'batch' }> | undefined {
    const changes = this.#changes
    if (changes.length === 0) return undefined
    this.#changes = []
    return { kind: 'batch', first: this.#first, prevMembershipSeq: this.#prevMembershipSeq, changes }
  }
}
