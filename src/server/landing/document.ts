import { type DialectName, dialectNames } from '../../dialects/dialect.js'
import { script } from './script.js'
import { style } from './style.js'

/** What a visitor needs to know of a dialect. */
interface Guide {
  readonly paths: readonly string[]
  readonly relayed: string
}

const guides: Readonly<Record<DialectName, Guide>> = {
  'impossible-writer': {
    paths: ['room/{id}', '?room={id}'],
    relayed: 'JSON objects with a <code>type</code>, stamped with who sent them and when.',
  },
  pluresdb: {
    paths: ['pluresdb', ''],
    relayed: '<code>data</code> messages among the peers that have sent <code>join</code> with the same topic.',
  },
  'y-webrtc': {
    paths: ['y-webrtc', ''],
    relayed: 'Publish and subscribe by topic: signaling for Yjs editors.',
  },
  opaque: {
    paths: ['gun', 'gun/{topic}', 'raw/{room}'],
    relayed: 'Every frame as it came, text or binary.',
  },
}

/** The whole page, in one HTML document that asks for nothing else. */
export function createDocument(dialects: readonly DialectName[]): string {
  const served = dialectNames.filter((name) => dialects.includes(name))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Baton relay</title>
<link rel="icon" href="${ICON}">
<style>${style}</style>
</head>
<body>
<main>
<h1>Baton</h1>
<p class="lead">A WebSocket relay. It passes messages among the members of a room and stores nothing: a message
goes to those who are in the room at that moment, and is then forgotten.</p>

<h2>Try it</h2>
<p id="plain">The two panes need JavaScript. Any WebSocket client can use the URLs below.</p>
<div id="demo" hidden>
<p>Each pane has a WebSocket of its own to this relay. They are in the room <code id="room"></code>, made up for
this visit, and speak <code id="dialect"></code>.</p>
<div class="panes">
${pane('Ann')}
${pane('Ben')}
</div>
</div>

<h2>Connect</h2>
<p>A room belongs to one dialect, the protocol that all of its members speak.</p>
<dl>
${served.map(entry).join('\n')}
</dl>

<h2>Watch</h2>
<p><a href="health">/health</a> says whether the relay is well, <a href="stats">/stats</a> how much it has to do.</p>
</main>
<script>${script}</script>
</body>
</html>
`
}

function entry(name: DialectName): string {
  const { paths, relayed } = guides[name]
  // The script puts the address that the visitor used in place of this one.
  const urls = paths.map((path) => `<code data-path="${path}">ws://host/${path}</code>`)
  return `<dt id="${name}">${name}</dt>\n<dd>${relayed}<span class="urls">${urls.join(' ')}</span></dd>`
}

function pane(name: string): string {
  return `<article aria-labelledby="${name}" data-name="${name}">
<header><h3 id="${name}">${name}</h3><p role="status"></p><button type="button" aria-describedby="${name}"></button></header>
<div role="log" aria-live="polite" aria-label="What ${name} sees" tabindex="0"></div>
<form><label for="${name}-text">${name} says</label>
<div><input id="${name}-text" autocomplete="off" enterkeyhint="send"><button>Send</button></div></form>
</article>`
}

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Cpath d='M3 13 13 3' stroke='%232f7fd0' stroke-width='4' stroke-linecap='round'/%3E%3C/svg%3E"
