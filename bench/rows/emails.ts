/** What an e-mail costs by itself: rendering and storing it, and its delivery over kept SMTP connections. */
import type { Emailed, EmailOrder } from '../contenders/emails.ts'
import { type Measured, median, type Row } from '../harness/bench.ts'
import { startLatchkey } from '../harness/latchkey.ts'
import { cpuTime } from '../harness/machine.ts'
import { ask, nextMessage } from '../harness/process.ts'

export const emails: Row = {
  name: 'emails',
  title: 'An e-mail by itself',
  async measure(bench) {
    const { url } = await (await bench.postgres()).makeDatabase()
    // migrates it
    const server = await startLatchkey({
      core: bench.cores.server,
      databaseUrl: url,
      dataDir: await bench.folder(),
    })
    await server.stop()
    const writer = bench.contender('emails', url, await bench.smtpUrl())
    await nextMessage(writer)
    const turns = { stored: [] as Measured[], delivered: [] as Measured[] }
    for (let i = -2; i < bench.options.rounds; i++) {
      for (const what of ['stored', 'delivered'] as const) {
        const before = cpuTime(writer.pid)
        const order: EmailOrder = { what, seconds: bench.options.seconds }
        const { completed, seconds } = await ask<Emailed>(writer, order)
        const cpuMicroseconds = (cpuTime(writer.pid) - before) / completed
        if (i >= 0) turns[what].push({ contender: what, cpuMicroseconds, perSecond: completed / seconds })
      }
    }
    const measured = (['stored', 'delivered'] as const).map((what) => ({
      contender: what === 'stored' ? 'rendered and stored' : 'and delivered by SMTP',
      cpuMicroseconds: median(turns[what].map((turn) => turn.cpuMicroseconds)),
      perSecond: median(turns[what].map((turn) => turn.perSecond)),
    }))
    return { measured, figures: [], notes: [] }
  },
}
