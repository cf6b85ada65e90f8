import { answer } from './app.mjs'

export default { fetch: (request, env) => answer(request, env.SETTINGS) }
