import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Response } from '../http/response.js'
import type { Respond } from '../http/router.js'

/** Where the build of `web/dashboard/` is, seen from the source and from the build. */
const FOLDER = new URL('../../dist/web/dashboard/', import.meta.url)

const TYPES: Readonly<Record<string, string>> = {
  'app.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
}

interface Asset {
  readonly type: string
  readonly plain: Buffer
  readonly packed: Buffer
  readonly tag: string
}

const pack = promisify(gzip)

/** The script and the style of the dashboard, read when somebody asks. */
export class Assets {
  readonly #loaded = new Map<string, Promise<Asset>>()

  /** The file of that name; undefined if there is none. */
  find(name: string): Respond | undefined {
    const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined
    return type === undefined ? undefined : async (request) => responseFor(await this.#load(name, type), request)
  }

  #load(name: string, type: string): Promise<Asset> {
    let loading = this.#loaded.get(name)
    if (!loading) {
      this.#loaded.set(name, (loading = load(name, type)))
      // It may have failed because no file descriptor was free: the next request tries again.
      loading.catch(() => this.#loaded.delete(name))
    }
    return loading
  }
}

async function load(name: string, type: string): Promise<Asset> {
  const plain = await readFile(new URL(name, FOLDER))
  return { type, plain, packed: await pack(plain), tag: `W/"${hash('sha256', plain, 'hex').slice(0, 16)}"` }
}

function responseFor({ type, plain, packed, tag }: Asset, { headers }: IncomingMessage): Response {
  // Requested again each time, and sent if it has changed. So no page has the script of another version.
  const caching = { 'Cache-Control': 'no-cache', ETag: tag, Vary: 'Accept-Encoding' }
  if (hasTag(headers['if-none-match'], tag)) return { status: 304, headers: caching, body: '' }
  const packs = /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))
  const about = { ...caching, 'Content-Type': type }
  if (!packs) return { status: 200, headers: about, body: plain }
  return { status: 200, headers: { ...about, 'Content-Encoding': 'gzip' }, body: packed }
}

/** RFC 9110 section 13.1.2. A proxy that compresses makes a weak tag of a strong one, and means the same. */
function hasTag(list: string | undefined, tag: string): boolean {
  const opaque = (text: string): string => text.trim().replace(/^W\//, '')
  return list?.split(',').some((each) => each.trim() === '*' || opaque(each) === opaque(tag)) ?? false
}
