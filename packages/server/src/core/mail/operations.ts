/** The development outbox. */
import { operation } from '../../base/http/row/operation.ts'

const OPEN = 'it exists outside production only'

export const outboxOperations = {
  list: operation({
    name: 'dev.outbox.list',
    summary: 'List the e-mails that were sent',
    open: OPEN,
    anonymous: true,
    quiet: 'reads only',
  }),
  clear: operation({
    name: 'dev.outbox.clear',
    summary: 'Forget the e-mails that were sent',
    open: OPEN,
    anonymous: true,
    quiet: 'a tool of development',
  }),
  show: operation({
    name: 'dev.outbox.letter',
    summary: 'Show one e-mail as its reader sees it',
    open: OPEN,
    anonymous: true,
    quiet: 'reads only',
  }),
}
