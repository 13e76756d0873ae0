import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Settings } from '../options/index.js'
import { createDocument } from './landing/document.js'
import { htmlResponse, type Response } from './response.js'

/** Where the build of `web/landing/` is, seen from the source and from the build. */
const FOLDER = new URL('../../dist/web/landing/', import.meta.url)

type Shown = Pick<Settings, 'dialects' | 'adminPort' | 'adminToken'>

/** The page at `/`: two members who talk through the relay, what goes over the wire, and how to connect. */
export function createLandingPage(settings: Shown): () => Response {
  let page: Response | undefined
  // Read when the first visitor comes: a relay without these files lacks the page alone.
  return () => (page ??= create(settings, read('app.js'), read('app.css')))
}

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8')
}

function create(settings: Shown, script: string, style: string): Response {
  return htmlResponse(200, createDocument(settings, script, style), {
    'Content-Security-Policy': policy(script, style),
  })
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
