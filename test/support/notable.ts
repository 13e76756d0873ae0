import type { Reporter, TestModule } from 'vitest/node'

/** A reporter that names what the default one does not: tests that were tried again, and why others were skipped. */
// biome-ignore lint/style/noDefaultExport: Vitest loads a reporter by its default export.
export default class Notable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const name = `${module.relativeModuleId} > ${test.fullName}\n`
        const result = test.result()
        const tries = 1 + (test.diagnostic()?.retryCount ?? 0)
        if (tries > 1) process.stdout.write(`${result.state} at try ${tries}: ${name}`)
        if (result.state === 'skipped' && result.note) process.stdout.write(`Skipped, because ${result.note}: ${name}`)
      }
    }
  }
}
