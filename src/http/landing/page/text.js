/**
 * Characters that were typed one after the other.
 *
 * @typedef {object} Run
 * @property {string} id Of its first character; those of the others count up from it.
 * @property {string} after The character to the right of which it was typed; `''` at the start of the text.
 * @property {string} text
 */

/**
 * A change of the text, or with everything in it the text itself.
 *
 * @typedef {object} Edit
 * @property {Run[]} insert
 * @property {{ id: string, count: number }[]} remove
 */

/** @typedef {{ id: string, n: number, site: string, after: string, char: string, removed: boolean, next: Char | undefined }} Char */

/**
 * A text that several sites edit at once: each character has an id of its own (`12@site`) and is placed next to
 * another one, so that edits mean the same wherever and however often they arrive, as long as those of one site
 * arrive in order. A replicated growable array (Roh et al., 2011), whose removed characters leave their ids behind.
 */
export class SharedText {
  #site
  #clock = 0
  /** @type {Char} */
  #start = { id: '', n: 0, site: '', after: '', char: '', removed: true, next: undefined }
  #chars = new Map([['', this.#start]])

  /** @param {string} site Unlike that of everybody else. */
  constructor(site) {
    this.#site = site
  }

  /** The characters that are to be seen, in order. */
  get visible() {
    return [...this.#walk()].filter(({ removed }) => !removed)
  }

  /** The text as one edit, the same wherever the text is the same. */
  get whole() {
    /** @type {Edit} */
    const whole = { insert: [], remove: [] }
    const all = [...this.#walk()]
    for (const [index, char] of all.entries()) {
      const run = whole.insert.at(-1)
      const goesOn = char.after === all[index - 1]?.id && isNext(all[index - 1], char)
      // Nobody need be told what the removed ones were.
      const text = char.removed ? ' ' : char.char
      if (run && goesOn) run.text += text
      else whole.insert.push({ id: char.id, after: char.after, text })
    }
    whole.remove = rangesOf(all.filter(({ removed }) => removed))
    return whole
  }

  /**
   * Replaces characters.
   *
   * @param {string} left The character to the right of which the new ones go, if there are no old ones.
   * @param {readonly Char[]} old
   * @param {string[]} chars
   * @returns {Edit} For the others.
   */
  edit(left, old, chars) {
    // Where the old ones stood, and not in front of what others have put there meanwhile.
    const after = old.at(-1)?.id ?? left
    const id = `${this.#clock + 1}@${this.#site}`
    /** @type {Edit} */
    const edit = { insert: chars.length > 0 ? [{ id, after, text: chars.join('') }] : [], remove: rangesOf(old) }
    this.merge(edit)
    return edit
  }

  /**
   * Takes over an edit; what is known already changes nothing.
   *
   * @param {Edit} edit
   * @returns Whether all of it found its place. If not, something that came before it is missing.
   */
  merge({ insert, remove }) {
    let complete = true
    for (const { id, after, text } of insert) {
      const [first, site] = parseId(id)
      let left = after
      for (const [index, char] of [...text].entries()) {
        complete = this.#place({ n: first + index, site, after: left, char }) && complete
        left = `${first + index}@${site}`
      }
    }
    for (const { id, count } of remove) {
      const [first, site] = parseId(id)
      for (let n = first; n < first + count; n++) complete = this.#remove(`${n}@${site}`) && complete
    }
    return complete
  }

  /**
   * The characters that an edit inserted here.
   *
   * @param {Edit} edit
   */
  inserted({ insert }) {
    return insert.flatMap(({ id, text }) => {
      const [first, site] = parseId(id)
      return [...text].flatMap((_, index) => this.#chars.get(`${first + index}@${site}`) ?? [])
    })
  }

  /**
   * How many UTF-16 units of what is to be seen stand up to a character, itself included.
   *
   * @param {string} id
   */
  offsetOf(id) {
    let offset = 0
    if (id === '') return offset
    for (const char of this.#walk()) {
      if (!char.removed) offset += char.char.length
      if (char.id === id) break
    }
    return offset
  }

  *#walk() {
    for (let char = this.#start.next; char; char = char.next) yield char
  }

  /** @param {{ n: number, site: string, after: string, char: string }} typed */
  #place({ n, site, after, char }) {
    const id = `${n}@${site}`
    if (this.#chars.has(id)) return true
    let left = this.#chars.get(after)
    if (!left || left.n >= n) return false
    // Of two that were typed at one place at once, the one with the higher id stands first, everywhere.
    while (left.next && isAbove(left.next, n, site)) left = left.next
    left.next = { id, n, site, after, char, removed: false, next: left.next }
    this.#chars.set(id, left.next)
    this.#clock = Math.max(this.#clock, n)
    return true
  }

  /** @param {string} id */
  #remove(id) {
    const char = this.#chars.get(id)
    if (!char || char === this.#start) return false
    char.removed = true
    return true
  }
}

/**
 * What a user's change of a text comes down to: the characters from `start` to `end` became `chars`.
 *
 * @param {readonly Char[]} old
 * @param {string} text
 * @param {number} caret In UTF-16 units, after the change. It tells which of two equal letters is the new one.
 */
export function difference(old, text, caret) {
  const now = [...text]
  let end = old.length
  let rest = now.length
  const behind = [...text.slice(caret)].length
  while (end > 0 && rest > now.length - behind && old[end - 1]?.char === now[rest - 1]) {
    end--
    rest--
  }
  let start = 0
  while (start < end && start < rest && old[start]?.char === now[start]) start++
  return { start, end, chars: now.slice(start, rest) }
}

/** @param {readonly Char[]} chars */
function rangesOf(chars) {
  /** @type {Edit['remove']} */
  const ranges = []
  for (const [index, char] of chars.entries()) {
    const range = ranges.at(-1)
    if (range && isNext(chars[index - 1], char)) range.count++
    else ranges.push({ id: char.id, count: 1 })
  }
  return ranges
}

/**
 * @param {Char | undefined} before
 * @param {Char} char
 */
function isNext(before, char) {
  return before?.site === char.site && before.n + 1 === char.n
}

/**
 * @param {Char} char
 * @param {number} n
 * @param {string} site
 */
function isAbove(char, n, site) {
  return char.n > n || (char.n === n && char.site > site)
}

/**
 * @param {string} id
 * @returns {[number, string]}
 */
function parseId(id) {
  const at = id.indexOf('@')
  return [Number(id.slice(0, at)), id.slice(at + 1)]
}
