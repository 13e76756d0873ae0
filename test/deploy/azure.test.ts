import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8')

/** As PluresDB's relay documents it. */
const COMMAND = `az deployment group create \\
  --resource-group pluresdb-relay-rg \\
  --template-file azure/relay/relay.bicep \\
  --parameters environment=prod
`

describe('the command with which PluresDB deploys to Azure (10.46)', () => {
  const template = read(/--template-file (\S+)/.exec(COMMAND)?.[1] ?? '')

  it('names a template that is there, and gives all that it needs', () => {
    const needed = [...template.matchAll(/^param (\w+) \w+$/gm)].map(([, name]) => name)
    expect(needed).toEqual([...(/--parameters (\w+)=/.exec(COMMAND) ?? [])].slice(1))
  })

  it('names a deployment by its file, and an output, that are asked for afterwards', () => {
    const page = read('docs/deploy/azure.md')
    expect(page).toContain(COMMAND)
    expect(page).toContain('--name relay \\\n  --query properties.outputs.relayUrl.value')
    expect(template).toMatch(/^output relayUrl string = /m)
  })
})
