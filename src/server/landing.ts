import type { DialectName } from '../dialects/dialect.js'
import type { Answer } from './http.js'

export function landingPage(dialects: readonly DialectName[]): () => Answer {
  return () => ({ status: 200, type: 'text/html; charset=utf-8', body: dialects.join() })
}
