import './style.css'
import { choose } from './dialects.js'
import { find } from './dom.js'
import { NAMES, Pane } from './pane.js'
import { WireLog } from './wire-log.js'

const ROOM = /^[\w-]{1,128}$/

const http = new URL('.', location.href).href
const ws = http.replace(/^http/, 'ws')
for (const code of document.querySelectorAll('[data-url]')) {
  code.textContent = String(code.textContent).replaceAll('ws://host/', ws).replaceAll('http://host/', http)
}

// A visitor with a room in the link joins it with one pane. A visitor without gets a new room and two panes.
const [, linked = ''] = location.hash.split('#')
const invited = ROOM.test(linked)
const room = invited ? linked : `demo-${randomText()}`
const demo = find('#demo', HTMLElement)
const [dialect, speak] = choose(String(demo.dataset['dialects']).split(' '))
find('#dialect', HTMLElement).textContent = dialect
const log = new WireLog(find('#lines', HTMLElement), find('#full', HTMLElement))
for (const name of invited ? [pick(NAMES.slice(2))] : NAMES.slice(0, 2)) {
  new Pane(name, speak(room, name), ws, log.of(name))
}

find('#plain', HTMLElement).hidden = true
demo.hidden = false
const link = find('#link', HTMLAnchorElement)
link.href = `#${room}`
const address = find('#address', HTMLElement)
address.textContent = link.href
find('#local', HTMLElement).hidden = !/^(localhost|127\..*|\[::1\])$/.test(location.hostname)
addEventListener('hashchange', () => location.reload())

offerCopy(find('#copy', HTMLElement), address)
for (const button of document.querySelectorAll<HTMLElement>('button[data-copy]')) {
  offerCopy(button, find(`#${button.dataset['copy']}`, HTMLElement))
}
void showHistory()

/** @param source Its text is selected where the clipboard is out of reach, as it is on a page without TLS. */
function offerCopy(button: HTMLElement, source: HTMLElement): void {
  const label = button.textContent
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(String(source.textContent))
      button.textContent = 'Copied'
    } catch {
      getSelection()?.selectAllChildren(source)
      button.textContent = 'Selected'
    }
    setTimeout(() => {
      button.textContent = label
    }, 2000)
  }
  button.addEventListener('click', () => void copy())
}

/** Says whether the relay keeps messages. It keeps none, unless its health page says otherwise. */
async function showHistory(): Promise<void> {
  const health: unknown = await fetch('health')
    .then((answer) => answer.json())
    .catch(() => undefined)
  const kept = typeof health === 'object' && health !== null && 'history' in health
  find('#history', HTMLElement).hidden = !kept
  find('#forgets', HTMLElement).hidden = kept
}

/** 64 random bits. From getRandomValues, because randomUUID is not there on a page without TLS. */
function randomText(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(2)), (word) => word.toString(36)).join('')
}

function pick(names: readonly string[]): string {
  return String(names[Math.floor(Math.random() * names.length)])
}
