// The borders between the folders of src/. Imports of types count, which the linter's own rule for circles does not see.

/** A folder that imports only from the places named. */
const only = (folder, places, comment) => ({
  name: `${folder}-imports`,
  comment,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { pathNot: places },
})

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Files that import each other can only be read together.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    only('core', ['^src/core/'], 'core/ is pure: it knows no socket, no server, no module of Node.'),
    only(
      'dialects',
      ['^src/(core|dialects)/', '^(node:)?buffer$'],
      'Dialects turn bytes into verbs: they import core/ and each other only.',
    ),
    {
      name: 'one-file-imports-ws',
      comment: 'receiver.ts stands on parts of ws that are not public. They are used in one place.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/websocket/receiver\\.ts$' },
      to: { path: '(^|/)node_modules/(@types/)?ws/' },
    },
    {
      name: 'cluster-is-apart',
      comment: 'The cluster ties rooms together. It knows no connection, no page and no dialect.',
      severity: 'error',
      from: { path: '^src/cluster/' },
      to: { path: '^src/(dialects|websocket|http|admin|observability|relay|servers|wiring)' },
    },
    {
      name: 'observers-only-watch',
      comment: 'Logs and metrics read what others count. They open nothing.',
      severity: 'error',
      from: { path: '^src/observability/' },
      to: { path: '^src/(dialects|websocket|http|admin|relay|servers|wiring)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types'] },
  },
}
