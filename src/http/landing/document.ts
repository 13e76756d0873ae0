import { type DialectName, dialectNames } from '../../dialects/dialect.js'
import type { Settings } from '../../options/index.js'

/** What a visitor needs to know of a dialect. */
interface Guide {
  readonly paths: readonly string[]
  readonly relayed: string
  /** A client for a browser's console. */
  readonly snippet: string
}

const guides: Readonly<Record<DialectName, Guide>> = {
  'impossible-writer': {
    paths: ['room/{id}', '?room={id}'],
    relayed: 'JSON objects with a <code>type</code>, stamped with who sent them and when.',
    snippet: `const socket = new WebSocket('ws://host/room/doc?nickname=Ann')
socket.onmessage = ({ data }) => console.log(JSON.parse(data))
socket.onopen = () => socket.send(JSON.stringify({ type: 'content', data: 'Hello' }))`,
  },
  pluresdb: {
    paths: ['pluresdb', ''],
    relayed: '<code>data</code> messages among the peers that have sent <code>join</code> with the same topic.',
    snippet: `const socket = new WebSocket('ws://host/pluresdb')
socket.onmessage = ({ data }) => console.log(JSON.parse(data))
socket.onopen = () => {
  socket.send(JSON.stringify({ type: 'join', topic: 'doc', peerId: 'ann' }))
  socket.send(JSON.stringify({ type: 'data', data: 'Hello' }))
}`,
  },
  'y-webrtc': {
    paths: ['y-webrtc', ''],
    relayed: 'Publish and subscribe by topic: signaling for Yjs editors.',
    snippet: `// Yjs: new WebrtcProvider('doc', ydoc, { signaling: ['ws://host/y-webrtc'] })
const socket = new WebSocket('ws://host/y-webrtc')
socket.onmessage = ({ data }) => console.log(JSON.parse(data))
socket.onopen = () => {
  socket.send(JSON.stringify({ type: 'subscribe', topics: ['doc'] }))
  socket.send(JSON.stringify({ type: 'publish', topic: 'doc', text: 'Hello' }))
}`,
  },
  opaque: {
    paths: ['gun', 'gun/{topic}', 'raw/{room}'],
    relayed: 'Every frame as it came, text or binary.',
    snippet: `// GUN: Gun({ peers: ['http://host/gun'] })
// Yjs: new WebsocketProvider('ws://host/raw', 'doc', ydoc)
const socket = new WebSocket('ws://host/raw/doc')
socket.onmessage = ({ data }) => console.log(data)
socket.onopen = () => socket.send('Hello')`,
  },
}

/** The whole page, in one HTML document that asks for nothing else. */
export function createDocument(
  { dialects, adminPort, adminToken }: Pick<Settings, 'dialects' | 'adminPort' | 'adminToken'>,
  script: string,
  style: string,
): string {
  const served = dialectNames.filter((name) => dialects.includes(name))
  // With a port of their own, the pages for operators cannot be reached from here.
  const forOperators = adminPort === undefined ? [...ADMIN, ...(adminToken === '' ? [] : [DASHBOARD])] : []
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
<p class="lead">A WebSocket relay: what one member of a room sends reaches the others.
<span id="forgets">It stores nothing.</span>
<span id="history" hidden>It stores nothing on disk. It keeps the last messages of a room in memory for new members.</span></p>
<p id="plain" class="quiet">The panes to try it in need JavaScript. Any WebSocket client can use the URLs below.</p>

<div id="demo" data-dialects="${served.join(' ')}" hidden>
<div>
<div id="panes"></div>
<p class="share"><a id="link" target="_blank" rel="noopener">Open another window</a>
<button type="button" id="copy">Copy the link</button> <code id="address"></code></p>
<p class="quiet">Everyone who opens the link joins this room, in any browser. Each pane has a WebSocket of its own and
speaks <code id="dialect"></code>.</p>
<p class="quiet" id="local" hidden>The link works on this machine only. For a phone, put this machine’s address in
it.</p>
</div>
<section id="wire" aria-labelledby="wire-title">
<h2 id="wire-title">On the wire</h2>
<ol id="lines" role="listbox" tabindex="0" aria-label="Messages"></ol>
<pre id="full" tabindex="0" role="region" aria-label="The chosen message"></pre>
</section>
</div>
${TEMPLATE}

<h2>Connect</h2>
<p>A room belongs to one dialect, the protocol that all of its members speak. Each of these programs runs in a
browser’s console; run it in two.</p>
<dl>
${served.map(entry).join('\n')}
</dl>

<h2>Watch</h2>
<dl>
${[HEALTH, ...forOperators].map(([path, about]) => `<dt><a href="${path}">/${path}</a></dt><dd>${about}</dd>`).join('\n')}
</dl>
</main>
<script type="module">${script}</script>
</body>
</html>
`
}

const HEALTH = ['health', 'Whether the relay is well.'] as const
const ADMIN = [
  ['stats', 'How much it has to do.'],
  ['metrics', 'The same and more, for Prometheus.'],
] as const
const DASHBOARD = ['dashboard', 'Rooms and members, live.'] as const

function entry(name: DialectName): string {
  const { paths, relayed, snippet } = guides[name]
  // The script puts the address that the visitor used in place of this one.
  const urls = paths.map((path) => `<code data-url>ws://host/${path}</code>`)
  return `<dt id="${name}">${name}</dt>
<dd>${relayed}<span class="urls">${urls.join(' ')}</span>
<div class="snippet"><pre tabindex="0" role="region" aria-label="A client in ${name}"><code id="${name}-code" data-url>${snippet.replaceAll('>', '&gt;')}</code></pre>
<button type="button" data-copy="${name}-code" aria-label="Copy the client in ${name}">Copy</button></div></dd>`
}

const TEMPLATE = `<template>
<header><h2></h2><p role="status"></p><button type="button"></button></header>
<div class="messages" role="log" tabindex="0"></div>
<form><input required maxlength="5000" autocomplete="off" enterkeyhint="send" placeholder="Type a message"><button>Send</button></form>
<footer><code></code></footer>
</template>`

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Cpath d='M3 13 13 3' stroke='%232f7fd0' stroke-width='4' stroke-linecap='round'/%3E%3C/svg%3E"
