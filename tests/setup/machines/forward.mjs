/** Connections to an address of the network of machines, forwarded to a socket of this machine: `forward.mjs <host> <port> <socket>`. */
import { connect, createServer } from 'node:net'

const [host, port, socket] = process.argv.slice(2)
createServer((from) => {
  const to = connect(socket)
  from.pipe(to).pipe(from)
  for (const end of [from, to]) end.on('error', () => end.destroy())
}).listen(Number(port), host, () => console.log('listening'))
