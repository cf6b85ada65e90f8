/** Renders complete HTML documents from the answers of page rows, and has the static files that they refer to. */
import type { VNode } from 'preact'
import { renderToStaticMarkup } from 'preact-render-to-string'
import type { Call } from '../call.ts'
import { sha256 } from '../crypto.ts'
import type { Problem } from '../errors.ts'
import type { Asset } from '../http/serve/assets.ts'
import { type AppAhead, type ReturnPath, SAME_PAGE } from '../http/serve/return-path.ts'
import { baseText } from './base-texts.ts'
import { brand } from './brand.ts'
import { ERRORS_ID } from './form.tsx'
import { Body, Document, icon } from './layout.tsx'
import { PASSKEY_SCRIPT } from './passkey-script.ts'
import { ProblemPage } from './problem-page.tsx'
import { problemTitle } from './problem-texts.ts'
import { SCRIPT } from './script.ts'
import { SOLVER } from './solver.ts'
import { stylesheet } from './styles.ts'
import { type SignedIn, type Ui, UiContext } from './ui.ts'

/** A static file of the pages. Its path contains a hash of the content, so that clients may cache it for ever. */
export interface PageAsset extends Asset {
  body: string
}

export interface PageContents {
  page: VNode
  /** Without the brand's name, which is appended. */
  title: string
  csrfToken: string | null
  /** The app that the user continues to after signing in. */
  continuesTo?: AppAhead | null
  /** The user that the header names; default: the principal of the call. */
  signedIn?: SignedIn | null
}

export interface Pages {
  renderPage(call: Call, contents: PageContents): string
  renderProblem(call: Call, problem: Problem, csrfToken?: string | null, path?: ReturnPath): string
  readonly assets: readonly PageAsset[]
}

const asset = (extension: string, type: string, body: string): PageAsset => ({
  path: `/assets/${sha256(body).toString('base64url').slice(0, 12)}.${extension}`,
  type,
  body,
  immutable: true,
})

const signedInBy = ({ principal, session }: Call): SignedIn | null =>
  principal && { name: principal.name, email: null, organization: session?.actsIn?.name ?? null }

/** @throws Error that names the setting if the branding cannot be used */
export function createPages(config: {
  brandName: string
  brandLogo: string | null
  brandAccent: string | null
}): Pages {
  const look = brand(config)
  const styles = asset('css', 'text/css; charset=utf-8', stylesheet(look))
  const solver = asset('js', 'text/javascript; charset=utf-8', SOLVER)
  const script = asset('js', 'text/javascript; charset=utf-8', SCRIPT.replace('SOLVER_PATH', solver.path))
  const passkeys = asset('js', 'text/javascript; charset=utf-8', PASSKEY_SCRIPT)
  const sign = asset('svg', 'image/svg+xml', icon(look))
  const paths = { styles: styles.path, script: script.path, icon: sign.path }

  function renderPage(
    call: Call,
    { page, title, csrfToken, continuesTo = null, signedIn }: PageContents,
  ): string {
    const ui: Ui = {
      locale: call.locale,
      csrfToken,
      brand: { name: look.name, logo: look.logo },
      passkeyScript: passkeys.path,
      continuesTo,
      signedIn: signedIn ?? signedInBy(call),
    }
    const within = (node: VNode): string =>
      renderToStaticMarkup(<UiContext.Provider value={ui}>{node}</UiContext.Provider>)

    const body = within(<Body>{page}</Body>)
    // quotes in values are escaped, so that only FormErrors can match
    const heading = body.includes(` id="${ERRORS_ID}"`)
      ? baseText(call.locale, 'error_prefix', { title })
      : title
    return `<!doctype html>${within(<Document title={`${heading} · ${look.name}`} paths={paths} body={body} />)}`
  }

  return {
    renderPage,
    renderProblem: (call, problem, csrfToken = null, path = SAME_PAGE) =>
      renderPage(call, {
        page: <ProblemPage problem={problem} requestId={call.id} path={path} />,
        title: problemTitle(call.locale, problem),
        csrfToken,
      }),
    assets: [styles, script, solver, sign, passkeys],
  }
}
