import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Settings } from '../options/index.js'
import { createDocument } from './landing/document.js'
import type { Page } from './routes.js'

/** The modules of the page's script, each behind those that it imports. */
const MODULES = ['names', 'text', 'message', 'connection', 'log', 'member', 'editor', 'main']

/** The page at `/`: a text that two panes share through the relay, what goes over the wire, and how to connect. */
export function createLandingPage(settings: Pick<Settings, 'dialects' | 'adminPort' | 'adminToken'>): () => Page {
  const script = MODULES.map((name) => inlined(read(`${name}.js`))).join('\n')
  const style = read('style.css')
  const page = {
    status: 200,
    type: 'text/html; charset=utf-8',
    body: createDocument(settings, script, style),
    headers: { 'Content-Security-Policy': policy(script, style) },
  }
  return () => page
}

function read(name: string): string {
  return readFileSync(new URL(`./landing/page/${name}`, import.meta.url), 'utf8')
}

/** A module as a part of one script that holds them all: it asks for nothing, and its names are the others' too. */
function inlined(module: string): string {
  return module.replace(/^(import .*|\/\*\* @import .*)\n/gm, '').replace(/^export /gm, '')
}

/** Nothing but the page's own script and style may run; the hashes stand for their exact text. */
function policy(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src ${sourceOf(script)}`,
    `style-src ${sourceOf(style)}`,
    // Not every browser counts the WebSockets of the page's own host as 'self'.
    "connect-src 'self' ws: wss:",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function sourceOf(text: string): string {
  return `'sha256-${hash('sha256', text, 'base64')}'`
}
