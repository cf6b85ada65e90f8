/** The challenge of a form that is sent too often (base/http/request/challenge.ts): its field, and what the page says. */
import { baseText } from './base-texts.ts'
import { Alert } from './parts.tsx'
import { useUi } from './ui.ts'

/**
 * Without the script the page says how long to wait; with it the browser solves the challenge meanwhile, and the page says why
 * the form was not sent, and that a password has to be entered again.
 */
export function ChallengeField({
  challenge,
  difficulty,
  alert,
}: {
  challenge: string
  difficulty: number
  alert: string
}) {
  const { locale } = useUi()
  return (
    <>
      <input type="hidden" name="challenge" data-challenge={challenge} data-difficulty={difficulty} />
      <div id="challenge-wait">
        <Alert kind="error">{alert}</Alert>
      </div>
      <p
        class="alert info"
        role="status"
        id="challenge"
        hidden
        data-solved={baseText(locale, 'challenge.solved')}
        data-again={baseText(locale, 'challenge.again')}
      >
        {baseText(locale, 'challenge.working')}
      </p>
    </>
  )
}
