/** A mail relay of the network of machines: `mail.mjs <host> <port>`. Prints a line with the recipient of each e-mail. */
import { SMTPServer } from 'smtp-server'

const [host, port] = process.argv.slice(2)
new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS', 'AUTH'],
  onData(stream, { envelope }, done) {
    stream.resume().on('end', () => {
      console.log(envelope.rcptTo.map(({ address }) => address).join(' '))
      done()
    })
  },
}).listen(Number(port), host, () => console.log('listening'))
