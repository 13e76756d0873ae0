/** A process of its own that puts one load on one server and reports what it saw. */

import { idleRooms, welcomes } from './cluster/loads.js'
import { residentBytes } from './cpu.js'
import { load } from './load.js'
import { idle, storm } from './quiet.js'

const kinds = {
  load,
  idle,
  storm,
  idleRooms,
  welcomes,

  /** A load, and by how much the server grew under it. */
  async growth(job) {
    const before = residentBytes(job.pid)
    const figures = await load(job)
    return { ...figures, growth: residentBytes(job.pid) - before }
  },
}

process.once('message', async (job) => {
  try {
    process.send({ figures: await kinds[job.kind](job) }, () => process.exit(0))
  } catch (error) {
    process.send({ error: error.message }, () => process.exit(1))
  }
})
// Whoever started it is gone.
process.on('disconnect', () => process.exit(1))
