import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { AcmeStore } from '../../src/tls/acme-store.js'
import { temporaryFolder } from '../support/certificate.js'

const DIRECTORY = 'https://ca.example/directory'
const FOLDER = 'ca.example_directory'

/** Opens a store, and keeps what the log says. */
function openStore(root: string): { store: AcmeStore; warnings: Record<string, unknown>[] } {
  const warnings: Record<string, unknown>[] = []
  const log = pino({ base: null }, { write: (line) => void warnings.push(JSON.parse(line) as Record<string, unknown>) })
  return { store: new AcmeStore(root, DIRECTORY, log), warnings }
}

/** A folder that holds a file which nobody should touch. */
function victim(): { folder: string; file: string } {
  const folder = temporaryFolder()
  const file = join(folder, 'precious')
  writeFileSync(file, 'precious')
  chmodSync(folder, 0o755)
  return { folder, file }
}

describe.skipIf(process.platform === 'win32')('a store in a folder that others may write to (10.35)', () => {
  it('is no link to somewhere else, whose mode would change', () => {
    const [root, { folder }] = [temporaryFolder(), victim()]
    symlinkSync(folder, join(root, FOLDER))
    expect(() => openStore(root)).toThrow(/^acmeStore: files cannot be kept in .*: it is a link$/)
    expect(statSync(folder).mode & 0o777).toBe(0o755)
  })

  it('empties no file that a link in it leads to', () => {
    const [root, { file }] = [temporaryFolder(), victim()]
    mkdirSync(join(root, FOLDER))
    symlinkSync(file, join(root, FOLDER, '.try'))
    openStore(root)
    expect(readFileSync(file, 'utf8')).toBe('precious')
  })

  it('reads through no link, and writes a file of its own in the place of one', async () => {
    const [root, { file }] = [temporaryFolder(), victim()]
    const { store } = openStore(root)
    for (const name of ['account.pem', 'account.pem.new']) symlinkSync(file, join(root, FOLDER, name))
    expect(() => store.read('account.pem')).toThrow('acmeStore: account.pem cannot be read: it is a link')
    await store.write('account.pem', 'key')
    expect(readFileSync(file, 'utf8')).toBe('precious')
    expect(store.read('account.pem')).toBe('key')
    expect(statSync(join(root, FOLDER, 'account.pem')).mode & 0o777).toBe(0o600)
  })

  it('is written to no more once it has become a link', async () => {
    const [root, { folder }] = [join(temporaryFolder(), 'acme'), victim()]
    const { store } = openStore(root)
    renameSync(join(root, FOLDER), join(root, 'away'))
    symlinkSync(folder, join(root, FOLDER))
    await expect(store.write('account.pem', 'key')).rejects.toThrow(/cannot be written: it is a link$/)
  })

  it('is told of in the log', () => {
    const above = temporaryFolder()
    chmodSync(above, 0o777)
    const root = join(above, 'acme')
    expect(openStore(root).warnings).toEqual([
      {
        level: 40,
        time: expect.anything(),
        folder: above,
        msg: expect.stringMatching(/^Other users may put their own/),
      },
    ])
    chmodSync(above, 0o1777)
    expect(openStore(root).warnings).toEqual([])
    chmodSync(root, 0o777)
    expect(openStore(root).warnings).toEqual([expect.objectContaining({ folder: root })])
  })

  it('may be kept elsewhere by a link of the operator', () => {
    const [root, real] = [join(temporaryFolder(), 'acme'), temporaryFolder()]
    symlinkSync(real, root)
    openStore(root)
    expect(statSync(join(real, FOLDER)).mode & 0o777).toBe(0o700)
  })

  it.runIf(process.getuid?.() === 0)('is not used if another user has put it there', () => {
    const root = temporaryFolder()
    mkdirSync(join(root, FOLDER))
    chownSync(join(root, FOLDER), 12_345, 12_345)
    expect(() => openStore(root)).toThrow(/it belongs to another user \(uid 12345\)$/)
    const link = join(temporaryFolder(), 'acme')
    symlinkSync(temporaryFolder(), link)
    lchownSync(link, 12_345, 12_345)
    expect(() => openStore(link)).toThrow(/is a link that belongs to another user \(uid 12345\)$/)
  })
})
