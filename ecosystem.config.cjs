// For PM2: `pm2 start ecosystem.config.cjs`. See docs/deploy/pm2.md.
module.exports = {
  apps: [
    {
      name: 'baton',
      // Node itself: PM2's own wrapper would import the command, which runs only when it is the one that was started.
      script: process.execPath,
      args: 'dist/cli.js',
      interpreter: 'none',
      cwd: __dirname,
      // One process: the members of a room have to meet. PM2's cluster mode would part them.
      exec_mode: 'fork',
      instances: 1,
      env: { NODE_ENV: 'production' },
      // DRAIN (5 s), 10 s for those that do not go, and room.
      kill_timeout: 30_000,
      // A wrong option: starting again would change nothing.
      stop_exit_codes: [2],
      exp_backoff_restart_delay: 500,
    },
  ],
}
