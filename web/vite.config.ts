import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = fileURLToPath(new URL('.', import.meta.url))

/** Each page has one script and one style, under names that the relay knows: `<page>/app.js` and `<page>/app.css`. */
export default defineConfig({
  root: here,
  logLevel: 'warn',
  build: {
    target: 'es2022',
    outDir: '../dist/web',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { dashboard: `${here}dashboard/main.tsx`, landing: `${here}landing/main.ts` },
      output: { entryFileNames: '[name]/app.js', assetFileNames: '[name]/app[extname]' },
    },
  },
})
