import { createRequire } from 'node:module'

/** Whether the packages that `npm run build` needs are installed. */
export function canBuild() {
  const { resolve } = createRequire(import.meta.url)
  try {
    return ['typescript', 'vite'].every((name) => resolve(`${name}/package.json`))
  } catch {
    return false
  }
}
