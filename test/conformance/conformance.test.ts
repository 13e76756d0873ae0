import { describe, expect, it } from 'vitest'
import { startRelay } from '../support/relay.js'
import { replay, transcripts } from './replay.js'

const all = transcripts()

describe('conversations recorded from the reference relays', () => {
  it('are all here', () => {
    expect(all).toHaveLength(10)
  })

  it.each(all.map((transcript) => [transcript.name, transcript.why, transcript] as const))(
    '%s: %s',
    async (_name, _why, transcript) => {
      const { url } = await startRelay()
      await replay(transcript, [url])
    },
  )

  it.each(all.filter(({ dialect }) => dialect !== 'impossible-writer').map((t) => [t.name, t] as const))(
    '%s at the path of its dialect',
    async (_name, transcript) => {
      const { url } = await startRelay()
      await replay(transcript, [url], `/${transcript.dialect}`)
    },
  )
})
