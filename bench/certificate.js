/** A certificate for the TLS scenario, made for the run. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Rejects if there is no `openssl` command. */
export async function createCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'baton-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost`.split(
    ' ',
  )
  await promisify(execFile)('openssl', [...args, '-keyout', key, '-out', cert])
  return { cert, key }
}
