/** The process: from the words of the command line to an exit code. */
import { runCommandLine } from './commands/run.ts'

// a pipe that was closed (`latchkey users list | head`) ends the output, not with a stack
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

runCommandLine(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
