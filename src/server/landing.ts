import { hash } from 'node:crypto'
import type { DialectName } from '../dialects/dialect.js'
import type { Page } from './http.js'
import { createDocument } from './landing/document.js'
import { script } from './landing/script.js'
import { style } from './landing/style.js'

/** Nothing but the page's own script and style may run; the hashes stand for their exact text. */
const POLICY = [
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

/** The page at `/`: what this is, where its WebSockets are, and two panes that talk through it. */
export function landingPage(dialects: readonly DialectName[]): () => Page {
  const page = {
    status: 200,
    type: 'text/html; charset=utf-8',
    body: createDocument(dialects),
    headers: { 'Content-Security-Policy': POLICY },
  }
  return () => page
}

function sourceOf(text: string): string {
  return `'sha256-${hash('sha256', text, 'base64')}'`
}
