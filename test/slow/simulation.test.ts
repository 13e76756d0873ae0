import { describe, expect, it } from 'vitest'
import { mutants } from '../cluster/simulator/mutants.js'
import { type Fault, type Scenario, World } from '../cluster/simulator/world.js'
import { type Code, loadCode, loadMutant } from '../support/code.js'

/** `SEEDS=5000 npx vitest run --config vitest.slow.config.ts simulation` tries more than CI does. */
const SEEDS = Number(process.env['SEEDS'] ?? 200)
const TIMEOUT = 3_600_000

/** How long it may take after the last fault until all views are right, in milliseconds: silent losses take longest. */
const SETTLE = 215_000

const all: readonly Fault[] = ['kill', 'stop', 'cut', 'restart', 'hole', 'sleep']

function scenario(seed: number, faults: readonly Fault[]): Scenario {
  return {
    seed,
    faults,
    nodes: 2 + (seed % 3),
    bus: { fifo: seed % 2 === 0, duplicates: 10 },
    arrivals: 1 + (seed % 2),
    rate: 4 + (seed % 8),
    busy: 45_000,
    settle: faults.length > 0 ? SETTLE : 5000,
  }
}

/** Every third seed without faults, every third with one kind of them, every third with all. */
function faultsOf(seed: number): readonly Fault[] {
  if (seed % 3 === 0) return []
  return seed % 3 === 1 ? all : all.slice(seed % all.length).slice(0, 1)
}

/** Plays scenarios until one goes wrong. */
async function firstFault(code: Code, scenarios: Iterable<Scenario>): Promise<string | undefined> {
  for (const each of scenarios) {
    const [fault] = await new World(code, each).play()
    if (fault !== undefined) return `seed ${each.seed}: ${fault}`
  }
  return undefined
}

describe('nodes over a bus that loses, repeats and reorders', () => {
  it(`keep what is promised in ${SEEDS} simulated worlds`, { timeout: TIMEOUT }, async () => {
    const code = await loadCode()
    const worlds = Array.from({ length: SEEDS }, (_, seed) => scenario(seed, faultsOf(seed)))
    expect(await firstFault(code, worlds)).toBeUndefined()
  })
})

describe('the simulation finds it when', () => {
  it.each(mutants)('$name', { timeout: TIMEOUT }, async (mutant) => {
    const code = await loadMutant(mutant)
    const worlds = Array.from({ length: 100 }, (_, seed) => scenario(seed, mutant.faults))
    expect(await firstFault(code, worlds)).toBeDefined()
  })
})
