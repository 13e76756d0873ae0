/** The first two are those of a visitor who is alone; a colour of the style goes with each. */
export const NAMES = ['Ann', 'Ben', 'Cleo', 'Dan', 'Eda', 'Finn', 'Gita', 'Hugo']

/** @param {string} name */
export function colorOf(name) {
  return `color-${Math.max(0, NAMES.indexOf(name))}`
}
