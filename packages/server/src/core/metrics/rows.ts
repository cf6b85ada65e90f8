/** `GET /metrics`: the metrics of the server, with a permission. */
import { z } from 'zod'
import { operation } from '../../base/http/row/operation.ts'
import { download, type Row } from '../../base/http/row/route.ts'
import { METRICS_TYPE } from '../../base/metrics/listener.ts'
import type { Tools } from '../tools.ts'

export const metricsRow = ({ metrics }: Pick<Tools, 'metrics'>): Row =>
  download({
    of: operation({
      name: 'metrics.read',
      summary: 'Read the metrics of the server',
      needs: 'metrics:read',
      quiet: 'reads only',
    }),
    path: '/metrics',
    description:
      'In the text format of Prometheus. A scraper sends an API key with the permission `metrics:read` as a bearer token. Of several workers or servers, each answers for all that is in the database.',
    tag: 'Operation',
    types: [METRICS_TYPE],
    input: z.object({}),
    output: z.string().meta({
      description: 'One line for each series, after `# HELP` and `# TYPE` of its metric.',
      samples: [
        'latchkey_saml_certificate_expires_seconds{connection="con_0198c0de5a7b7e11b4c2d3e4f5a6b7c8",owner="provider"} 2592000',
      ],
    }),
    run: async (call) => ({
      type: METRICS_TYPE,
      name: 'metrics.txt',
      pieces: once(await metrics.write(call.now)),
    }),
  })

async function* once(text: string): AsyncGenerator<string> {
  yield text
}
