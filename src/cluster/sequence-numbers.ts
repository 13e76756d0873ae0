/** Where the numbers of a room's changes begin: above all that the room had on this node before. */
export class SequenceNumbers {
  /** The highest number that any closed room had. */
  last = 0

  /** For a room that is opened. */
  next(): number {
    this.last = Math.max(this.last + 1, Date.now() * 1000)
    return this.last
  }

  /** A room was closed whose last number this was. */
  retire(number: number): void {
    this.last = Math.max(this.last, number)
  }
}
