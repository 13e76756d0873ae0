import { describe, expect, it } from 'vitest'
import { isMessage } from '../../../src/http/landing/page/message.js'

const good = {
  type: 'edit',
  site: 'ab12',
  name: 'Ann',
  cursor: ['', '3@ab12'],
  edit: { insert: [{ id: '1@ab12', after: '', text: 'abc' }], remove: [{ id: '1@ab12', count: 1 }] },
}

describe('what the landing page takes from others', () => {
  it('is the messages of its like', () => {
    expect(isMessage(good)).toBe(true)
    expect(isMessage({ type: 'cursor', site: 'a', name: '' })).toBe(true)
  })

  it.each([
    ['no object', 'edit'],
    ['nothing', null],
    ['another type', { ...good, type: 'connected' }],
    ['a site that is no name', { ...good, site: 'a@b' }],
    ['a name without end', { ...good, name: 'n'.repeat(33) }],
    ['a cursor with one end', { ...good, cursor: [''] }],
    ['a cursor that is text', { ...good, cursor: '""' }],
    ['an id without a number', { ...good, cursor: ['x@a', ''] }],
    ['an id beyond counting', { ...good, cursor: ['9999999999999@a', ''] }],
    ['an edit without lists', { ...good, edit: { insert: {}, remove: [] } }],
    ['text that is none', { ...good, edit: { insert: [{ id: '1@a', after: '', text: 7 }], remove: [] } }],
    ['more removed than there can be', { ...good, edit: { insert: [], remove: [{ id: '1@a', count: 1e9 }] } }],
  ])('is not %s', (_, value) => {
    expect(isMessage(value)).toBe(false)
  })
})
